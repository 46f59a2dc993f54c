"""ONNX Runtime on an NVIDIA GPU."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.onnx_session import import_onnxruntime
from facesdk.runtime.session import Session

PROVIDER = "CUDAExecutionProvider"
INSTALL = "pip uninstall onnxruntime, then pip install facesdk[cuda]"
PRODUCTS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "FusedConv", "FusedGemm", "FusedMatMul"})
MOST_SHAPES = 4
"""Shapes whose buffers, and recording, are kept."""

_log = logging.getLogger("facesdk.runtime")


@dataclass(frozen=True)
class CudaOptions:
    """How a graph runs there.

    Attributes:
        graph: whether its runs are recorded as CUDA graphs; a graph with nodes on the CPU cannot be.
        memory_bytes: the most that its arena may take; None for no limit.
    """

    graph: bool = False
    memory_bytes: int | None = None


@dataclass(frozen=True)
class _Bound:
    """Buffers on the GPU for one set of shapes."""

    binding: Any
    inputs: dict[str, Any]
    run_options: Any
    number: int


class CudaSession(Session):
    """A graph in ONNX Runtime's CUDA provider. Inputs and outputs have buffers there; runs take turns.

    Sums of products are of TensorFloat-32 where the GPU has it, as is that provider's default.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        graph: ONNX bytes, verified.
        options: how it runs.

    Raises:
        BackendError: the provider is not there, or the graph or its products would run on the CPU instead.
        OutOfMemoryError: the GPU has no room.
        PackError: the graph cannot be loaded, or is not as the manifest says.
    """

    own_backend = "onnxruntime-cuda"
    provider = PROVIDER
    device = "cuda"

    def __init__(self, name: str, spec: GraphSpec, graph: bytes, options: CudaOptions | None = None) -> None:
        super().__init__(name, spec, self.own_backend, 1)
        self._options = options or CudaOptions()
        self._runtime = import_onnxruntime()
        check_provider(self._runtime, self.provider, self.own_backend)
        self._lock = threading.Lock()
        self._bound: OrderedDict[tuple[tuple[int, ...], ...], _Bound] = OrderedDict()
        self._count = 0
        self._session: Any = self._open(graph)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._check_graph([value.name for value in self._session.get_inputs()], self._outputs)

    def close(self) -> None:
        """Gives the arena back, when the run that may be under way is over."""
        with self._lock:
            self._bound.clear()
            self._session = None

    def _providers(self) -> list[tuple[str, dict[str, str]]]:
        """The providers on the GPU with their options; each takes what those before it leave."""
        return [(self.provider, self._provider_options())]

    def _provider_options(self) -> dict[str, str]:
        options = {"device_id": "0", "arena_extend_strategy": "kSameAsRequested"}
        if self._options.memory_bytes is not None:
            options["gpu_mem_limit"] = str(self._options.memory_bytes)
        if self._options.graph:
            options["enable_cuda_graph"] = "1"
        return options

    def _open(self, graph: bytes) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        providers = self._providers()
        try:
            session = self._runtime.InferenceSession(graph, options, providers=providers)
        except Exception as error:
            failed = self._failed(error)
            if any(name in str(error) for name in ("CUDA", "TensorRT")) or type(failed) is not BackendError:
                raise failed from error
            text = f"{self.name}: onnxruntime cannot load the graph: {error}"
            raise PackError(text, "Export the pack again.") from error
        session.disable_fallback()
        taken = session.get_providers()
        if not taken or taken[0] != self.provider:
            raise BackendError(
                f"{self.name}: {self.provider} was asked for, onnxruntime took {', '.join(taken)} instead.",
                "Its CUDA or cuDNN libraries are missing or of another version: facesdk doctor",
            )
        strays = _elsewhere(session, {name for name, _ in providers})
        if strays:
            raise BackendError(
                f"{self.name}: onnxruntime would run {_listing(strays)} on the CPU, and not in {self.provider}.",
                "Take backend='onnxruntime' or 'openvino'; this provider has no kernel for them.",
            )
        return session

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            if self._session is None:
                raise BackendError(f"{self.name} was closed.", "Open the session again.")
            try:
                bound = self._bind(feeds)
                for name, array in feeds.items():
                    bound.inputs[name].update_inplace(array)
                self._session.run_with_iobinding(bound.binding, bound.run_options)
                values = bound.binding.copy_outputs_to_cpu()
            except Exception as error:
                # Buffers of a run that failed are not trusted again.
                self._bound.pop(_shapes(feeds), None)
                raise self._failed(error) from error
        return dict(zip(self._outputs, values, strict=True))

    def _bind(self, feeds: dict[str, NDArray[Any]]) -> _Bound:
        """The buffers for these shapes; a first run finds out the shapes of the outputs."""
        key = _shapes(feeds)
        if key in self._bound:
            self._bound.move_to_end(key)
            return self._bound[key]
        inputs = {name: self._buffer(array.shape, array.dtype) for name, array in feeds.items()}
        for name, array in feeds.items():
            inputs[name].update_inplace(array)
        probe = self._binding(inputs)
        for name in self._outputs:
            probe.bind_output(name, self.device)
        # -1: this run is not recorded, for its outputs are not at home yet.
        self._session.run_with_iobinding(probe, self._run_options(-1))
        binding = self._binding(inputs)
        for name, value in zip(self._outputs, probe.get_outputs(), strict=True):
            binding.bind_ortvalue_output(name, value)
        while len(self._bound) >= MOST_SHAPES:
            _, oldest = self._bound.popitem(last=False)
            if self._options.graph:
                self._session.release_captured_graph(oldest.number)
        self._count += 1
        number = self._count if self._options.graph else -1
        self._bound[key] = _Bound(binding, inputs, self._run_options(number), number)
        return self._bound[key]

    def _binding(self, inputs: dict[str, Any]) -> Any:
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        return binding

    def _buffer(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        return self._runtime.OrtValue.ortvalue_from_shape_and_type(shape, dtype.type, self.device, 0)

    def _run_options(self, number: int) -> Any:
        options = self._runtime.RunOptions()
        if self._options.graph:
            options.add_run_config_entry("gpu_graph_id", str(number))
        return options


def check_provider(runtime: Any, provider: str, backend: str) -> None:
    """Loads what the provider needs, and checks that it is there.

    Args:
        runtime: the module onnxruntime.
        provider: its name there.
        backend: that was asked for.

    Raises:
        BackendError: this installation of onnxruntime does not have it.
    """
    available = runtime.get_available_providers()
    if provider not in available:
        raise BackendError(
            f"backend {backend!r} was asked for, and this onnxruntime has no {provider}: it has "
            f"{', '.join(available)}.",
            INSTALL,
        )
    if PROVIDER in available:
        # CUDA and cuDNN out of the wheels of pip, where no loader looks by itself. It prints what it does not find.
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            runtime.preload_dlls(directory="")
        if said.getvalue().strip():
            _log.info("onnxruntime: %s", said.getvalue().strip())


def _elsewhere(session: Any, providers: Collection[str]) -> Counter[str]:
    """Convolutions and matrix products that other providers have; what computes shapes belongs on the CPU."""
    strays: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name not in providers:
            strays.update(node.op_type for node in part.get_nodes() if node.op_type in PRODUCTS)
    return strays


def _shapes(feeds: dict[str, NDArray[Any]]) -> tuple[tuple[int, ...], ...]:
    return tuple(array.shape for array in feeds.values())


def _listing(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
