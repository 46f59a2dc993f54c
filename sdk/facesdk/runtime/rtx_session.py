"""TensorRT for RTX: engines that were built ahead of time, on the GPU that they were built for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.pack import EngineSpec, GraphSpec
from facesdk.runtime.engine_library import RUNTIME, import_rtx
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.engine_session import EngineSession
from facesdk.runtime.seal import Seal
from facesdk.runtime.shared_activations import SHARED, SharedActivations


class RtxSession(EngineSession):
    """A graph's engine.

    Kernels for the very GPU are made when it is opened, and kept in a file for the next time.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        engine: its entry; `engine_choice` found that it fits.
        data: the engine, verified.
        cache: file of the kernels that this GPU's driver made of it, and the seal that it is kept under; None keeps
            none.
        memory: on the GPU; its own by default.
        activations: the buffer that it shares; that of the process by default.

    Raises:
        BackendError: no TensorRT for RTX, no GPU, no room on it, or the engine does not load there.
        PackError: the engine's tensors are not those of the manifest.
    """

    def __init__(
        self,
        name: str,
        spec: GraphSpec,
        engine: EngineSpec,
        data: bytes,
        cache: tuple[Path, Seal] | None = None,
        memory: DeviceMemory | None = None,
        activations: SharedActivations = SHARED,
    ) -> None:
        self._kernels = cache
        self._saved = cache is None
        module = import_rtx()
        memory = memory if memory is not None else DeviceMemory()
        super().__init__(name, spec, engine, data, module, RUNTIME, memory, activations)

    def _make_context(self, engine: Any) -> Any:
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(self._module.ExecutionContextAllocationStrategy.USER_MANAGED)
        config.cuda_graph_strategy = self._module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = config.create_runtime_cache()
        self._read_cache()
        config.set_runtime_cache(self._cache)
        return engine.create_execution_context(config)

    def _execute(self, feeds: dict[str, NDArray[Any]]) -> bool:
        return bool(self._context.execute_async_v3(self._memory.stream))

    def _enqueue(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        out = super()._enqueue(feeds)
        self._write_cache()
        return out

    def _read_cache(self) -> None:
        """Takes the kernels of an earlier start; TensorRT refuses those of another GPU, driver or version."""
        if self._kernels is not None:
            path, seal = self._kernels
            data = seal.read(path)
            self._saved = data is not None and bool(self._cache.deserialize(data))

    def _write_cache(self) -> None:
        if self._saved or self._kernels is None:
            return
        # Once: it holds what the first run needed. Without it the next start takes longer, and that is all.
        self._saved = True
        path, seal = self._kernels
        with contextlib.suppress(OSError, BackendError):
            seal.write(path, bytes(self._cache.serialize()))
