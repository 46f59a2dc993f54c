"""The base of every session: it checks what goes in against the manifest, and a runtime does the work."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, InputError, OutOfMemoryError, PackError
from facesdk.pack.manifest import GraphSpec, TensorSpec
from facesdk.runtime.fixed_batches import has_rows, joined, rows
from facesdk.runtime.output_guard import require_finite

Array = NDArray[Any]

NO_ROOM = re.compile(r"out of memory|outofmemory|memoryallocation|failed to allocate|alloc_failed|bad_alloc", re.I)
"""How CUDA, cuDNN, cuBLAS, TensorRT, ONNX Runtime and the C++ library say that there is no room."""


class Session(ABC):
    """One graph, loaded by one runtime. `run` is safe to call from several threads at once.

    Attributes:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        backend: what runs it, as it is in fact, such as "openvino-bf16" or "onnxruntime-cpu".
        threads: how many threads it may use.
    """

    def __init__(self, name: str, spec: GraphSpec, backend: str, threads: int) -> None:
        self.name = name
        self.spec = spec
        self.backend = backend
        self.threads = threads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, backend={self.backend!r}, threads={self.threads})"

    def run(self, feeds: Mapping[str, Array], alike: bool = False) -> dict[str, NDArray[np.float32]]:
        """Runs the graph.

        Args:
            feeds: an array for every input that the manifest names, with its dtype and shape.
            alike: a row comes out the same, to the bit, however many others there are and whatever they hold. A single
                row may then take longer.

        Returns:
            Every output by name. The arrays are the caller's own.

        Raises:
            InputError: names, dtypes or shapes are not those of the manifest.
            BackendError: the runtime failed, or returned NaN or infinity.
        """
        check_feeds(self.name, self.spec.inputs, feeds)
        ready = {tensor.name: np.ascontiguousarray(feeds[tensor.name]) for tensor in self.spec.inputs}
        outputs = self._run_alike(ready) if alike else self._run(ready)
        require_finite(self.name, self.backend, outputs)
        return outputs

    def close(self) -> None:  # noqa: B027 - most sessions hold nothing but what Python itself gives back
        """Gives back what the graph holds on a GPU. It must not be run afterwards; a second call does nothing."""

    @abstractmethod
    def _run(self, feeds: dict[str, Array]) -> dict[str, NDArray[np.float32]]:
        """Runs checked, contiguous inputs."""

    def _run_alike(self, feeds: dict[str, Array]) -> dict[str, NDArray[np.float32]]:
        """As `_run`, each row on its own: a runtime may add up in another order for another number of rows."""
        if not has_rows(self.spec):
            return self._run(feeds)
        count = len(next(iter(feeds.values())))
        return joined([self._run(rows(feeds, index, 1)) for index in range(count)])

    def _check_graph(self, inputs: list[str], outputs: list[str]) -> None:
        """Compares the loaded graph's names with the manifest's.

        Raises:
            PackError: they differ.
        """
        for kind, got, specs in (("inputs", inputs, self.spec.inputs), ("outputs", outputs, self.spec.outputs)):
            expected = [tensor.name for tensor in specs]
            if set(got) != set(expected):
                raise PackError(
                    f"{self.name}: the graph's {kind} are {', '.join(got)}; the manifest says {', '.join(expected)}.",
                    "Export the pack again.",
                )

    def _failed(self, error: Exception) -> BackendError:
        text = str(error).strip() or type(error).__name__
        if isinstance(error, MemoryError) or NO_ROOM.search(text):
            return OutOfMemoryError(
                f"{self.name} found no room on {self.backend}: {text}",
                "Close other programs, take a smaller picture, or another backend.",
            )
        return BackendError(
            f"{self.name} failed on {self.backend}: {text}", "facesdk doctor says which backends work here."
        )


def check_feeds(name: str, specs: tuple[TensorSpec, ...], feeds: Mapping[str, Array]) -> None:
    """Checks arrays against a graph's inputs.

    Args:
        name: how errors call the graph.
        specs: the inputs; an axis name that stands twice must have one size.
        feeds: the arrays.

    Raises:
        InputError: with what was got and expected.
    """
    names = [spec.name for spec in specs]
    if set(feeds) != set(names):
        raise InputError(f"{name}: inputs {_listing(feeds)} given, {_listing(names)} expected.")
    axes: dict[str, int] = {}
    for spec in specs:
        array = feeds[spec.name]
        if not isinstance(array, np.ndarray):
            raise InputError(f"{name}: input {spec.name!r} is a {type(array).__name__}, a NumPy array is expected.")
        if array.dtype != np.dtype(spec.dtype):
            raise InputError(
                f"{name}: input {spec.name!r} is {array.dtype}, {spec.dtype} expected.",
                f"Use .astype(numpy.{spec.dtype}).",
            )
        fits = array.ndim == len(spec.shape) and all(
            size > 0 and size == (want if isinstance(want, int) else axes.setdefault(want, size))
            for size, want in zip(array.shape, spec.shape, strict=True)
        )
        if not fits:
            bound = "".join(f", {axis}={size}" for axis, size in axes.items() if axis in spec.shape)
            raise InputError(f"{name}: input {spec.name!r} has shape {array.shape}, {_shape(spec)} expected{bound}.")


def _shape(spec: TensorSpec) -> str:
    return "(" + ", ".join(str(size) for size in spec.shape) + ("," if len(spec.shape) == 1 else "") + ")"


def _listing(names: Mapping[str, Array] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"
