"""OpenVINO on the CPU, in float32 or bfloat16."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.session import Session

Precision = Literal["f32", "bf16"]

_log = logging.getLogger("facesdk.runtime")
_warned = False


def import_openvino() -> ModuleType:
    """Imports openvino without its telemetry.

    `import openvino` alone sends an event to Google Analytics and writes ~/intel/openvino_ga_cid (2026.4, seen under
    strace). Where the package openvino_telemetry is missing it takes a stub, so that package is hidden meanwhile.

    Raises:
        BackendError: it is not installed, or its installation is broken.
    """
    global _warned
    if "openvino" in sys.modules:
        if "openvino_telemetry" in sys.modules and not _warned:
            _warned = True
            _log.warning(
                "openvino was imported before facesdk, with its telemetry, so it may have reported its use over the "
                "network. Run `opt_in_out --opt_out`, or import facesdk.runtime.select and open a session first."
            )
    else:
        hidden = "openvino_telemetry" not in sys.modules
        if hidden:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("openvino")
        except (ImportError, OSError) as error:
            raise BackendError(f"openvino cannot be imported ({error}).", "pip install facesdk[cpu]") from error
        finally:
            if hidden:
                del sys.modules["openvino_telemetry"]
    return sys.modules["openvino"]


@lru_cache(maxsize=1)
def open_core() -> Any:
    """The process's one `openvino.Core`.

    Raises:
        BackendError: OpenVINO is not installed, broken, or has no CPU device.
    """
    try:
        core: Any = import_openvino().Core()
    except (AttributeError, RuntimeError) as error:
        raise BackendError(
            f"openvino is installed but broken ({error}).", "Reinstall: pip install facesdk[cpu]"
        ) from error
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
        # A port may go by several names; the manifest's is the one that counts.
        ports = {name: index for index, port in enumerate(self._model.outputs) for name in port.get_names()}
        self._outputs = {tensor.name: ports[tensor.name] for tensor in spec.outputs if tensor.name in ports}
        known = {index: name for name, index in self._outputs.items()}
        outputs = [known.get(index, port.get_any_name()) for index, port in enumerate(self._model.outputs)]
        self._check_graph([port.get_any_name() for port in self._model.inputs], outputs)
        self._local = threading.local()

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
