"""OpenVINO on the CPU, in float32 or bfloat16."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.session import Session

Precision = Literal["f32", "bf16"]


@lru_cache(maxsize=1)
def open_core() -> Any:
    """The process's one `openvino.Core`.

    Raises:
        BackendError: OpenVINO is not installed, broken, or has no CPU device.
    """
    try:
        import openvino

        core: Any = openvino.Core()
    except (ImportError, RuntimeError, AttributeError) as error:
        raise BackendError(f"openvino cannot be imported ({error}).", "pip install facesdk[cpu]") from error
    if "CPU" not in core.available_devices:
        raise BackendError(
            f"openvino finds no CPU device, only {core.available_devices}.", "Reinstall: pip install facesdk[cpu]"
        )
    return core


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AMX, AVX512_BF16), as OpenVINO itself sees it.

    Raises:
        BackendError: as `open_core`.
    """
    return "BF16" in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenvinoSession(Session):
    """A graph compiled by OpenVINO for this CPU.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        graph: ONNX bytes, verified; compiled from memory, nothing is cached on disk.
        threads: threads for one run.
        precision: what the multiplications run in.

    Raises:
        BackendError: not installed, or bf16 on a CPU without it.
        PackError: the graph cannot be loaded, or is not as the manifest says.
    """

    def __init__(self, name: str, spec: GraphSpec, graph: bytes, threads: int, precision: Precision) -> None:
        super().__init__(name, spec, f"openvino-{precision}", threads)
        core = open_core()
        if precision == "bf16" and not cpu_has_bf16():
            raise BackendError(
                "backend openvino-bf16 was asked for, and this CPU has no bfloat16 arithmetic.",
                "Use openvino-f32, or auto, which takes bf16 only where the CPU has it.",
            )
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            # Pinned threads of two processes land on the same core, and halve each other's speed.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            self._model: Any = core.compile_model(core.read_model(graph), "CPU", config)
        except Exception as error:
            raise PackError(f"{name}: openvino cannot load the graph: {error}", "Export the pack again.") from error
        got = str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if got != precision:
            raise BackendError(f"{name}: openvino was asked for {precision} and compiled for {got}.")
        self._outputs = {tensor.name: self._port(tensor.name) for tensor in spec.outputs if self._has(tensor.name)}
        self._check_graph(
            [port.get_any_name() for port in self._model.inputs],
            [
                next((n for n in self._outputs if n in port.get_names()), port.get_any_name())
                for port in self._model.outputs
            ],
        )
        self._local = threading.local()

    def _has(self, name: str) -> bool:
        return any(name in port.get_names() for port in self._model.outputs)

    def _port(self, name: str) -> int:
        return next(index for index, port in enumerate(self._model.outputs) if name in port.get_names())

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        # A request holds its buffers, so each thread has its own.
        request = getattr(self._local, "request", None)
        try:
            if request is None:
                request = self._local.request = self._model.create_infer_request()
            request.infer(feeds, share_inputs=True)
            return {name: np.array(request.get_output_tensor(index).data) for name, index in self._outputs.items()}
        except Exception as error:
            raise self._failed(error) from error
