"""An engine on the GPU: inputs up, one run in the stream, outputs down; what differs between runtimes is left open."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack import EngineSpec, GraphSpec
from facesdk.runtime.engine_library import make_logger
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.fixed_batches import has_rows, joined, rows
from facesdk.runtime.session import Session
from facesdk.runtime.shared_activations import SharedActivations


class EngineSession(Session):
    """A graph's engine, deserialised. Batches above its profile run in pieces; other sizes outside it are an error.

    Runs take turns, those of other engines too: all share one buffer for their activations.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        engine: what is known of the engine; it fits this machine.
        data: the engine, verified.
        module: TensorRT's bindings.
        backend: what the session calls itself.
        memory: on the GPU.
        activations: the buffer that it shares.

    Raises:
        BackendError: no room on the GPU, or the engine does not load there.
        PackError: the engine's tensors are not those of the manifest.
    """

    def __init__(
        self,
        name: str,
        spec: GraphSpec,
        engine: EngineSpec,
        data: bytes,
        module: Any,
        backend: str,
        memory: DeviceMemory,
        activations: SharedActivations,
    ) -> None:
        super().__init__(name, spec, backend, 1)
        self._module = module
        self._profile = engine.profile
        self._lock = threading.Lock()
        self._memory = memory
        self._activations = activations
        self._given = (0, 0)
        # The context holds what it was made of: the logger and the runtime must outlive it.
        self._logger = make_logger(module)
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        try:
            self._load(data)
        except BaseException:
            self.close()
            raise
        self._batch = self._batch_axis()

    def close(self) -> None:
        """Gives the engine's memory back, when the run that may be under way is over."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        """Gives everything back; the lock is held."""
        # In this order: a context goes before the engine that it belongs to.
        self._context = None
        self._engine = None
        self._runtime = None
        self._memory.close()
        self._activations.leave(self)

    @abstractmethod
    def _make_context(self, engine: Any) -> Any:
        """The execution context, whose activations are the caller's to give; None if TensorRT makes none."""

    @abstractmethod
    def _execute(self, feeds: dict[str, NDArray[Any]]) -> bool:
        """Puts one run into the stream; shapes and addresses are set."""

    def _activations_moved(self) -> None:
        """Told when the activations are to lie elsewhere than in the last run."""

    def _load(self, data: bytes) -> None:
        trt = self._module
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise self._broken("the engine does not load")
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self._check_graph(inputs, [n for n in names if n not in inputs])
        for tensor in (*self.spec.inputs, *self.spec.outputs):
            if np.dtype(trt.nptype(engine.get_tensor_dtype(tensor.name))) != np.dtype(tensor.dtype):
                raise PackError(f"{self.name}: the engine's {tensor.name} is not {tensor.dtype}.", "Export it again.")
        self._activations.join(self, int(engine.device_memory_size_v2))
        self._context = self._make_context(engine)
        if self._context is None:
            raise self._broken("no context could be made on this GPU")

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            if self._context is None:
                raise BackendError(f"{self.name} was closed.", "Open the session again.")
            if self._batch is None:
                return self._enqueue(feeds)
            count, step = len(next(iter(feeds.values()))), self._profile[self._batch][2]
            return joined([self._enqueue(rows(feeds, start, step)) for start in range(0, count, step)])

    def _enqueue(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        context, memory = self._context, self._memory
        self._check_profile(feeds)
        for name, array in feeds.items():
            if not context.set_input_shape(name, array.shape):
                raise self._broken(f"{name} of shape {array.shape} is not taken")
            context.set_tensor_address(name, memory.upload(name, array))
        missing = context.infer_shapes()
        if missing:
            raise self._broken(f"no shape for {', '.join(missing)}")
        shapes = {tensor.name: tuple(context.get_tensor_shape(tensor.name)) for tensor in self.spec.outputs}
        for tensor in self.spec.outputs:
            size = int(np.prod(shapes[tensor.name])) * np.dtype(tensor.dtype).itemsize
            context.set_tensor_address(tensor.name, memory.reserve(tensor.name, size))
        with self._activations:
            given = self._activations.reserve(self, memory.cuda)
            if given != self._given:
                self._activations_moved()
                context.set_device_memory(*given)
                self._given = given
            if not self._execute(feeds):
                raise self._broken("the engine does not run")
            return {t.name: memory.download(t.name, shapes[t.name], np.dtype(t.dtype)) for t in self.spec.outputs}

    def _batch_axis(self) -> str | None:
        """The axis that every tensor starts with, if the profile has it."""
        axis = self.spec.inputs[0].shape[0] if has_rows(self.spec) else None
        return str(axis) if axis in self._profile else None

    def _check_profile(self, feeds: dict[str, NDArray[Any]]) -> None:
        for tensor in self.spec.inputs:
            for axis, size in zip(tensor.shape, feeds[tensor.name].shape):
                low, _, high = self._profile.get(str(axis), (size, size, size))
                if not low <= size <= high:
                    raise BackendError(
                        f"{self.name}: the engine was built for {axis} from {low} to {high}, got {size}.",
                        "Take backend='onnxruntime', or build the engine for larger sizes (python -m export engine).",
                    )

    def _broken(self, what: str) -> BackendError:
        detail = f": {self._logger.errors[-1]}" if self._logger.errors else ""
        return self._failed(RuntimeError(f"{what}{detail}"))
