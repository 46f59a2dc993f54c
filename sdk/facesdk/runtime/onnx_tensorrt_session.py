"""ONNX Runtime's TensorRT provider: TensorRT builds what it can of a graph when it is opened, CUDA runs the rest."""

from __future__ import annotations

import importlib.util
import mmap
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.cuda_session import PROVIDER as CUDA_PROVIDER
from facesdk.runtime.cuda_session import CudaOptions, CudaSession
from facesdk.runtime.fixed_batches import has_rows, joined, rows
from facesdk.runtime.tensorrt_library import import_tensorrt, tensorrt_version

PROVIDER = "TensorrtExecutionProvider"
BACKEND = "onnxruntime-tensorrt"
LIBRARY = "onnxruntime_providers_tensorrt.dll" if sys.platform == "win32" else "libonnxruntime_providers_tensorrt.so"
# What the library is linked to, on Linux and on Windows.
LINKED = re.compile(rb"(?:libnvinfer\.so\.|nvinfer_)(\d+)")
MOST_ROWS = 4
"""Rows that its engines are built for: for more they would be built anew, so a larger batch runs in pieces."""


class OnnxTensorrtSession(CudaSession):
    """A graph in ONNX Runtime's TensorRT provider, in the types that the graph has.

    Its engines are built each time it is opened, which takes up to minutes, and no file of them is kept: that provider
    would load whatever lies in its folder, and keeps no seal. Runs are not recorded.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        graph: ONNX bytes, verified.
        options: how it runs; `graph` does not count here.

    Raises:
        BackendError: the provider or the TensorRT that it was built for is not there, or the graph or its products
            would run on the CPU instead.
        OutOfMemoryError: the GPU has no room.
        PackError: the graph cannot be loaded, or is not as the manifest says.
    """

    own_backend = BACKEND
    provider = PROVIDER

    def __init__(self, name: str, spec: GraphSpec, graph: bytes, options: CudaOptions | None = None) -> None:
        fault = library_fault(find_library(), tensorrt_version())
        if fault:
            raise BackendError(f"backend {BACKEND!r} was asked for: {fault}.", "Take 'tensorrt' or 'onnxruntime-cuda'.")
        # Loaded by its own package: the loader finds it by its name then.
        import_tensorrt()
        axes = [axis for tensor in spec.inputs for axis in tensor.shape[1:]]
        self._in_pieces = has_rows(spec) and all(isinstance(axis, int) for axis in axes)
        granted = options.memory_bytes if options else None
        # Half for what TensorRT works in, half for the arena.
        super().__init__(name, spec, graph, CudaOptions(False, None if granted is None else granted // 2))

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        if not self._in_pieces:
            return super()._run(feeds)
        count = len(next(iter(feeds.values())))
        return joined(
            [super(OnnxTensorrtSession, self)._run(rows(feeds, i, MOST_ROWS)) for i in range(0, count, MOST_ROWS)]
        )

    def _providers(self) -> list[tuple[str, dict[str, str]]]:
        return [(self.provider, self._tensorrt_options()), (CUDA_PROVIDER, self._provider_options())]

    def _tensorrt_options(self) -> dict[str, str]:
        options = {"device_id": "0", "trt_engine_cache_enable": "0", "trt_timing_cache_enable": "0"}
        if self._options.memory_bytes is not None:
            options["trt_max_workspace_size"] = str(self._options.memory_bytes)
        if self._in_pieces:
            for bound, size in (("min", 1), ("opt", 1), ("max", MOST_ROWS)):
                shapes = ("x".join(str(d) for d in (size, *tensor.shape[1:])) for tensor in self.spec.inputs)
                names = (tensor.name for tensor in self.spec.inputs)
                options[f"trt_profile_{bound}_shapes"] = ",".join(
                    f"{n}:{s}" for n, s in zip(names, shapes, strict=True)
                )
        return options


def find_library() -> Path | None:
    """The provider's library of the onnxruntime that is installed, without loading it; None if it has none."""
    spec = importlib.util.find_spec("onnxruntime")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    return next((file for folder in folders if (file := folder / "capi" / LIBRARY).is_file()), None)


def library_fault(library: Path | None, installed: str | None) -> str:
    """Why the provider cannot load its TensorRT, or "".

    Args:
        library: from `find_library`.
        installed: version of TensorRT; None if there is none.
    """
    if library is None:
        return f"this onnxruntime has no {PROVIDER} (pip install facesdk[cuda])"
    wanted = linked_major(library)
    if wanted is None:
        return f"{library.name} does not say which TensorRT it needs"
    if installed is None:
        return f"TensorRT {wanted}, which this onnxruntime was built for, is not installed (tensorrt=={wanted}.*)"
    if installed.split(".")[0] != str(wanted):
        return f"this onnxruntime was built for TensorRT {wanted}, and {installed} is installed"
    return ""


def linked_major(library: Path) -> int | None:
    """The major version of TensorRT that a library is linked to; None if it is linked to none."""
    with library.open("rb") as file:
        if not file.seek(0, 2):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = LINKED.search(data)
            return int(found.group(1)) if found else None
