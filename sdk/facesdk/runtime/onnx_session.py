"""ONNX Runtime on the CPU."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.session import Session
from facesdk.settings import disable_onnxruntime_telemetry

PROVIDER = "CPUExecutionProvider"

_log = logging.getLogger("facesdk.runtime")
_warned = False


def import_onnxruntime() -> ModuleType:
    """Imports onnxruntime with its telemetry off.

    Raises:
        BackendError: it is not installed, or its installation is broken.
    """
    global _warned
    if not disable_onnxruntime_telemetry() and not _warned:
        _warned = True
        _log.warning(
            "onnxruntime was imported before facesdk and without ORT_DISABLE_TELEMETRY=1, so it may report its use "
            "over the network. Set ORT_DISABLE_TELEMETRY=1 before the first import of onnxruntime."
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(f"onnxruntime cannot be imported ({error}).", "pip install facesdk[cpu]") from error
    # An installation of which half was overwritten or removed still imports, as an empty namespace.
    if not hasattr(onnxruntime, "InferenceSession"):
        raise BackendError(
            "onnxruntime is installed but broken: it has no InferenceSession.",
            "onnxruntime and onnxruntime-gpu overwrite each other: uninstall both, then pip install facesdk[cpu]",
        )
    module: ModuleType = onnxruntime
    return module


class OnnxSession(Session):
    """A graph in ONNX Runtime's CPU provider, float32.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        graph: ONNX bytes, verified.
        threads: threads for one run.

    Raises:
        BackendError: not installed, or it would not run on the provider that was asked for.
        PackError: the graph cannot be loaded, or is not as the manifest says.
    """

    def __init__(self, name: str, spec: GraphSpec, graph: bytes, threads: int) -> None:
        super().__init__(name, spec, "onnxruntime-cpu", threads)
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Errors come back as exceptions; the warnings on stderr say nothing that a user could act on.
        options.log_severity_level = 3
        # Idle threads of one session must not spin while the next stage's session wants the cores.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session: Any = runtime.InferenceSession(graph, options, providers=[PROVIDER])
        except Exception as error:
            raise PackError(f"{name}: onnxruntime cannot load the graph: {error}", "Export the pack again.") from error
        if self._session.get_providers() != [PROVIDER]:
            raise BackendError(f"{name}: {PROVIDER} was asked for, onnxruntime took {self._session.get_providers()}.")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._check_graph([value.name for value in self._session.get_inputs()], self._outputs)

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        try:
            values = self._session.run(self._outputs, feeds)
        except Exception as error:
            raise self._failed(error) from error
        return dict(zip(self._outputs, values, strict=True))
