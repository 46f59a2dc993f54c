"""TensorRT: an engine that this machine built for its own GPU."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from facesdk.pack import EngineSpec, GraphSpec
from facesdk.runtime.cuda_graph import CudaGraphs
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.engine_session import EngineSession
from facesdk.runtime.shared_activations import SHARED, SharedActivations
from facesdk.runtime.tensorrt_library import RUNTIME, import_tensorrt, load_cuda_runtime


class TensorrtSession(EngineSession):
    """A graph's engine out of `engine_cache`. Its runs are recorded as CUDA graphs.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        engine: what is known of the engine.
        data: the engine, its seal intact.
        memory: on the GPU; its own by default.
        activations: the buffer that it shares; that of the process by default.

    Raises:
        BackendError: no TensorRT, no GPU, no room on it, or the engine does not load there.
        PackError: the engine's tensors are not those of the manifest.
    """

    def __init__(
        self,
        name: str,
        spec: GraphSpec,
        engine: EngineSpec,
        data: bytes,
        memory: DeviceMemory | None = None,
        activations: SharedActivations = SHARED,
    ) -> None:
        module = import_tensorrt()
        memory = memory if memory is not None else DeviceMemory(load_cuda_runtime())
        self._graphs = CudaGraphs(memory.cuda, memory.stream)
        super().__init__(name, spec, engine, data, module, RUNTIME, memory, activations)

    def _release(self) -> None:
        self._graphs.clear()
        super()._release()

    def _make_context(self, engine: Any) -> Any:
        context = engine.create_execution_context(self._module.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is not None:
            # The build is detailed for its inspector; at run time such marks for a profiler only cost.
            context.nvtx_verbosity = self._module.ProfilingVerbosity.NONE
        return context

    def _activations_moved(self) -> None:
        # What was recorded points to where they were.
        self._graphs.clear()

    def _execute(self, feeds: dict[str, NDArray[Any]]) -> bool:
        tensors = (*self.spec.inputs, *self.spec.outputs)
        addresses = tuple(self._context.get_tensor_address(tensor.name) for tensor in tensors)
        key = (tuple(array.shape for array in feeds.values()), addresses)
        return self._graphs.run(key, lambda: bool(self._context.execute_async_v3(self._memory.stream)))
