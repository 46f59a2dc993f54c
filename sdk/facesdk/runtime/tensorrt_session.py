"""TensorRT for RTX: engines that were built ahead of time, on the GPU that they were built for."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.pack import EngineSpec, GraphSpec
from facesdk.runtime.engine_library import RUNTIME, import_rtx, make_logger
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.session import Session


class TensorrtSession(Session):
    """A graph's engine. Kernels for the very GPU are made when it is opened, and kept in a file for the next time.

    Batches above the engine's profile run in pieces; other sizes outside it are an error. Runs take turns.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        engine: its entry; `engine_choice` found that it fits.
        data: the engine, verified.
        cache: file of the kernels that this GPU's driver made of it; None keeps none.
        memory: on the GPU; its own by default.

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
        cache: Path | None = None,
        memory: DeviceMemory | None = None,
    ) -> None:
        super().__init__(name, spec, RUNTIME, 1)
        self._module = import_rtx()
        self._profile = engine.profile
        self._cache_file = cache
        self._lock = threading.Lock()
        # The context holds what it was made of: the logger and the runtime must outlive it.
        self._logger = make_logger(self._module)
        self._memory = memory if memory is not None else DeviceMemory()
        try:
            self._load(data)
        except BaseException:
            self._memory.close()
            raise
        self._batch = self._batch_axis()

    def _load(self, data: bytes) -> None:
        trt = self._module
        self._runtime = trt.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise self._broken("the engine does not load")
        self._engine = engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self._check_graph(inputs, [n for n in names if n not in inputs])
        for tensor in (*self.spec.inputs, *self.spec.outputs):
            if np.dtype(trt.nptype(engine.get_tensor_dtype(tensor.name))) != np.dtype(tensor.dtype):
                raise PackError(f"{self.name}: the engine's {tensor.name} is not {tensor.dtype}.", "Export it again.")
        config = engine.create_runtime_config()
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = config.create_runtime_cache()
        known = self._read_cache()
        config.set_runtime_cache(self._cache)
        self._context = engine.create_execution_context(config)
        if self._context is None:
            raise self._broken("no context could be made on this GPU")
        self._saved = known

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            if self._batch is None:
                return self._enqueue(feeds)
            count, step = len(next(iter(feeds.values()))), self._profile[self._batch][2]
            parts = [
                self._enqueue({n: array[i : i + step] for n, array in feeds.items()}) for i in range(0, count, step)
            ]
        return parts[0] if len(parts) == 1 else {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}

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
        if not context.execute_async_v3(memory.stream):
            raise self._broken("the engine does not run")
        out = {t.name: memory.download(t.name, shapes[t.name], np.dtype(t.dtype)) for t in self.spec.outputs}
        self._write_cache()
        return out

    def _batch_axis(self) -> str | None:
        """The axis that every tensor starts with, if the profile has it."""
        first = {tensor.shape[0] if tensor.shape else None for tensor in (*self.spec.inputs, *self.spec.outputs)}
        axis = first.pop() if len(first) == 1 else None
        return axis if isinstance(axis, str) and axis in self._profile else None

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

    def _read_cache(self) -> bool:
        """Whether a file of this GPU's kernels was taken; TensorRT refuses those of another GPU, driver or version."""
        if self._cache_file is None:
            return True
        try:
            data = self._cache_file.read_bytes()
        except OSError:
            return False
        return bool(self._cache.deserialize(data))

    def _write_cache(self) -> None:
        if self._saved or self._cache_file is None:
            return
        # Once: it holds what the first run needed. Without it the next start takes longer, and that is all.
        self._saved = True
        with contextlib.suppress(OSError):
            self._cache_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            staged = self._cache_file.with_suffix(f".{os.getpid()}.tmp")
            staged.write_bytes(bytes(self._cache.serialize()))
            os.replace(staged, self._cache_file)
