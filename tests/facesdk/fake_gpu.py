"""A GPU of ordinary memory: the CUDA runtime and an execution context of TensorRT, as far as sessions call them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from facesdk.runtime.engine_memory import TO_DEVICE
from tests.facesdk.tiny_pack import tiny_convolution


class Host:
    """The CUDA runtime over ordinary memory; counts what is held, and records and replays what a stream is given."""

    def __init__(self, room_bytes: int = 1 << 30) -> None:
        self.room, self.held, self.copies = room_bytes, {}, 0
        self.recording: list[Callable[[], None]] | None = None
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.replays = 0

    def put(self, work: Callable[[], None]) -> None:
        """What the stream is given: done at once, or recorded."""
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def cudaStreamBeginCapture(self, stream: Any, mode: int) -> int:
        self.recording = []
        return 0

    def cudaStreamEndCapture(self, stream: Any, graph: Any) -> int:
        graph._obj.value = len(self.graphs) + 1
        self.graphs[len(self.graphs) + 1], self.recording = self.recording or [], None
        return 0

    def cudaGraphInstantiateWithFlags(self, runnable: Any, graph: Any, flags: Any) -> int:
        runnable._obj.value = graph.value
        return 0

    def cudaGraphLaunch(self, runnable: Any, stream: Any) -> int:
        self.replays += 1
        for work in self.graphs[runnable.value]:
            work()
        return 0

    def cudaGraphDestroy(self, graph: Any) -> int:
        return 0

    def cudaGraphExecDestroy(self, runnable: Any) -> int:
        del self.graphs[runnable.value]
        return 0

    def cudaStreamCreate(self, pointer: Any) -> int:
        pointer._obj.value = 77
        return 0

    def cudaStreamDestroy(self, stream: Any) -> int:
        return 0

    def cudaStreamSynchronize(self, stream: Any) -> int:
        return 0

    def cudaMalloc(self, pointer: Any, size: ctypes.c_size_t) -> int:
        if sum(len(b) for b in self.held.values()) + size.value > self.room:
            return 2
        buffer = ctypes.create_string_buffer(size.value)
        pointer._obj.value = ctypes.addressof(buffer)
        self.held[ctypes.addressof(buffer)] = buffer
        return 0

    def cudaFree(self, pointer: ctypes.c_void_p) -> int:
        del self.held[pointer.value]
        return 0

    def cudaMemcpyAsync(self, to: Any, source: Any, size: ctypes.c_size_t, kind: int, stream: Any) -> int:
        self.copies += kind == TO_DEVICE
        ctypes.memmove(to, source, size.value)
        return 0

    def cudaGetLastError(self) -> int:
        return 0

    def cudaGetErrorString(self, status: int) -> bytes:
        return b"out of memory" if status == 2 else b"unknown"


class Context:
    """Runs the tiny convolution on the addresses that it is given, at once or in a host's stream."""

    def __init__(self, host: Host | None = None) -> None:
        self.host = host
        self.device_memory: list[tuple[int, int]] = []
        self.shape: tuple[int, ...] = ()
        self.addresses: dict[str, int] = {}
        self.batches: list[int] = []

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def infer_shapes(self) -> list[str]:
        return []

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.shape[0], 4, *self.shape[2:])

    def get_tensor_address(self, name: str) -> int:
        return self.addresses[name]

    def set_device_memory(self, address: int, size: int) -> None:
        self.device_memory.append((address, size))

    def execute_async_v3(self, stream: int) -> bool:
        shape, addresses = self.shape, dict(self.addresses)

        def work() -> None:
            image, edges = (
                np.ctypeslib.as_array((ctypes.c_float * int(np.prod(size))).from_address(addresses[name]))
                for name, size in (("image", shape), ("edges", (shape[0], 4, *shape[2:])))
            )
            edges[:] = tiny_convolution(image.reshape(shape)).ravel()

        self.batches.append(shape[0])
        work() if self.host is None else self.host.put(work)
        return stream == 77
