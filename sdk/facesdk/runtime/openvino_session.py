"""OpenVINO on the CPU, in float32 or bfloat16."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
import threading
from collections import deque
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.fixed_batches import batch_axis, fixed_shapes, rows, share_batch
from facesdk.runtime.openvino_adain import read_adain
from facesdk.runtime.openvino_extension import fuse_style_layers
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
    read_adain(core)
    return core


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AMX, AVX512_BF16), as OpenVINO itself sees it.

    Raises:
        BackendError: as `open_core`.
    """
    return "BF16" in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenvinoSession(Session):
    """A graph compiled by OpenVINO for this CPU; one with a free batch axis for a few sizes, each when it is needed.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        graph: ONNX bytes, verified; compiled from memory, nothing is cached on disk.
        threads: threads for one run.
        precision: what the multiplications run in.
        own_layers: False keeps the standard operations in bf16, to compare; see `fuse_style_layers`.

    Attributes:
        fused_layers: how many of the graph's layers run in the project's own operation.

    Raises:
        BackendError: not installed, or bf16 on a CPU without it.
        PackError: the graph cannot be loaded, or is not as the manifest says.
    """

    def __init__(
        self,
        name: str,
        spec: GraphSpec,
        graph: bytes,
        threads: int,
        precision: Precision,
        own_layers: bool = True,
    ) -> None:
        super().__init__(name, spec, f"openvino-{precision}", threads)
        core = open_core()
        if precision == "bf16" and not cpu_has_bf16():
            raise BackendError(
                "backend openvino-bf16 was asked for, and this CPU has no bfloat16 arithmetic.",
                "Use openvino-f32, or auto, which takes bf16 only where the CPU has it.",
            )
        self._core = core
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            # OpenVINO 2026.4 finds the weights that streams share by their address, which may be another's by then: one
            # compilation out of eight had wrong weights.
            "NUM_STREAMS": 1,
            # Pinned threads of two processes land on the same core, and halve each other's speed.
            "ENABLE_CPU_PINNING": False,
        }
        if precision == "f32":
            # Else it rounds what int8 weights are multiplied by to int8, too.
            self._config["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
        self._axis = batch_axis(spec, len(graph))
        self._lock = threading.Lock()
        self._models: dict[tuple[int, int | None], Any] = {}
        try:
            self._graph = core.read_model(graph)
            self.fused_layers = fuse_style_layers(core, self._graph, name) if precision == "bf16" and own_layers else 0
            model = self._model(1 if self._axis else 0)
        except Exception as error:
            raise PackError(f"{name}: openvino cannot load the graph: {error}", "Export the pack again.") from error
        got = str(model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if got != precision:
            raise BackendError(f"{name}: openvino was asked for {precision} and compiled for {got}.")
        # A port may go by several names; the manifest's is the one that counts.
        ports = {name: index for index, port in enumerate(model.outputs) for name in port.get_names()}
        self._outputs = {tensor.name: ports[tensor.name] for tensor in spec.outputs if tensor.name in ports}
        self._rows: dict[str, tuple[tuple[Any, ...], Any]] = {
            tensor.name: (tensor.shape[1:], model.output(self._outputs[tensor.name]).get_element_type().to_dtype())
            for tensor in spec.outputs
            if tensor.name in ports
        }
        self._tensor = import_openvino().Tensor
        known = {index: name for name, index in self._outputs.items()}
        outputs = [known.get(index, port.get_any_name()) for index, port in enumerate(model.outputs)]
        self._check_graph([port.get_any_name() for port in model.inputs], outputs)
        self._local = threading.local()

    def _model(self, size: int, slot: int | None = None) -> Any:
        """The graph compiled for a batch of this size, or for any if it is 0.

        Args:
            size: rows.
            slot: which of the models that run at once, each on one thread; None is the one that has all threads.
        """
        with self._lock:
            if (size, slot) not in self._models:
                model = self._graph.clone() if size else self._graph
                if size:
                    model.reshape(fixed_shapes(self.spec.inputs, size))
                config = {**self._config, "INFERENCE_NUM_THREADS": self.threads if slot is None else 1}
                self._models[size, slot] = self._core.compile_model(model, "CPU", config)
            return self._models[size, slot]

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        try:
            if self._axis is None:
                return self._infer(feeds, 0)
            return self._infer(feeds, 1) if len(next(iter(feeds.values()))) == 1 else self._infer_shared(feeds)
        except Exception as error:
            raise self._failed(error) from error

    def _run_alike(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        if self._axis is None:
            return super()._run_alike(feeds)
        try:
            # Float32 products of several rows add up in another order than those of one.
            return self._infer_shared(feeds, row_by_row=self._config["INFERENCE_PRECISION_HINT"] == "f32")
        except Exception as error:
            raise self._failed(error) from error

    def _infer(self, feeds: dict[str, NDArray[Any]], size: int) -> dict[str, NDArray[np.float32]]:
        """One piece by all threads."""
        request = self._request(size)
        request.infer(feeds, share_inputs=True)
        return self._read(request)

    def _infer_shared(self, feeds: dict[str, NDArray[Any]], row_by_row: bool = False) -> dict[str, NDArray[np.float32]]:
        """Pieces at the same time, one thread each: who works alone adds up in one order, whatever the batch.

        Args:
            feeds: ready inputs.
            row_by_row: a piece for each row, not as large ones as there are threads for.
        """
        count = len(next(iter(feeds.values())))
        pieces = [(row, 1) for row in range(count)] if row_by_row else share_batch(count, self.threads)
        # The pieces write into the whole: copying the encoder's features twice took a fifth of its time.
        out: dict[str, NDArray[np.float32]] = {
            name: np.empty((count, *shape), kind) for name, (shape, kind) in self._rows.items()
        }
        running: deque[tuple[Any, Any]] = deque()
        try:
            for number, (start, size) in enumerate(pieces):
                if len(running) == self.threads:
                    self._finish(*running.popleft())
                piece = rows(feeds, start, size)
                request = self._request(size, slot=number % self.threads)
                for name, array in rows(out, start, size).items():
                    request.set_output_tensor(self._outputs[name], self._tensor(array, shared_memory=True))
                request.start_async(piece, share_inputs=True)
                running.append((request, piece))
            while running:
                self._finish(*running.popleft())
        finally:
            for request, _ in running:
                with contextlib.suppress(Exception):  # The one that failed first is the error that is told.
                    request.wait()
        return out

    def _finish(self, request: Any, piece: dict[str, NDArray[Any]]) -> None:
        """Waits for a request; until then its inputs, of which it knows the addresses only, must stay."""
        request.wait()
        del piece

    def _read(self, request: Any) -> dict[str, NDArray[np.float32]]:
        return {name: np.array(request.get_output_tensor(index).data) for name, index in self._outputs.items()}

    def _request(self, size: int, slot: int | None = None) -> Any:
        """A request holds its buffers, so each thread has its own."""
        requests = self._local.__dict__.setdefault("requests", {})
        if (size, slot) not in requests:
            requests[size, slot] = self._model(size, slot).create_infer_request()
        return requests[size, slot]
