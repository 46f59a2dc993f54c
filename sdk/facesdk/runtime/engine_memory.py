"""Memory and a stream on the GPU, through the CUDA runtime that TensorRT brings."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, OutOfMemoryError
from facesdk.runtime.engine_library import CUDA_STEM, find_library

TO_DEVICE, TO_HOST = 1, 2
OUT_OF_MEMORY = 2


class DeviceMemory:
    """One stream, and one growing buffer for each name; closing gives all of it back.

    Args:
        cuda: the CUDA runtime; that of TensorRT for RTX by default.

    Raises:
        BackendError: there is no CUDA runtime, or it has no device.

    Attributes:
        cuda: the CUDA runtime.
        stream: the stream's handle.
    """

    def __init__(self, cuda: Any = None) -> None:
        self.cuda: Any = cuda if cuda is not None else _load()
        self._buffers: dict[str, tuple[int, int]] = {}
        stream = ctypes.c_void_p()
        self._check(self.cuda.cudaStreamCreate(ctypes.byref(stream)), "a stream")
        self.stream = stream.value or 0

    def reserve(self, name: str, size_bytes: int) -> int:
        """The address of a buffer of at least this size; a larger one that the name has is kept.

        Raises:
            OutOfMemoryError: the GPU has no room.
        """
        address, size = self._buffers.get(name, (0, 0))
        if size >= size_bytes:
            return address
        self.synchronise()
        self._free(name)
        pointer = ctypes.c_void_p()
        self._check(
            self.cuda.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(size_bytes)), f"{size_bytes / 1e6:.1f} MB"
        )
        self._buffers[name] = (pointer.value or 0, size_bytes)
        return pointer.value or 0

    def upload(self, name: str, array: NDArray[Any]) -> int:
        """Copies a contiguous array into its buffer, in the stream's order.

        Returns:
            The buffer's address.
        """
        address = self.reserve(name, array.nbytes)
        self._copy(address, array.ctypes.data, array.nbytes, TO_DEVICE)
        return address

    def download(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """A copy of a buffer, read after everything that the stream still does."""
        array = np.empty(shape, dtype)
        self._copy(array.ctypes.data, self._buffers[name][0], array.nbytes, TO_HOST)
        self.synchronise()
        return array

    def synchronise(self) -> None:
        """Waits for the stream."""
        self._check(self.cuda.cudaStreamSynchronize(ctypes.c_void_p(self.stream)), "waiting for the GPU")

    def close(self) -> None:
        """Gives the memory and the stream back; a second call does nothing."""
        for name in list(self._buffers):
            self._free(name)
        if self.stream:
            self.cuda.cudaStreamDestroy(ctypes.c_void_p(self.stream))
            self.stream = 0

    def _free(self, name: str) -> None:
        address, _ = self._buffers.pop(name, (0, 0))
        if address:
            self.cuda.cudaFree(ctypes.c_void_p(address))

    def _copy(self, to: int, source: int, size_bytes: int, kind: int) -> None:
        status = self.cuda.cudaMemcpyAsync(
            ctypes.c_void_p(to),
            ctypes.c_void_p(source),
            ctypes.c_size_t(size_bytes),
            kind,
            ctypes.c_void_p(self.stream),
        )
        self._check(status, "a copy")

    def _check(self, status: int, what: str) -> None:
        if status == 0:
            return
        reason = ctypes.c_char_p(self.cuda.cudaGetErrorString(status)).value or b""
        text = f"CUDA: {what} failed: {reason.decode('utf-8', 'replace') or f'error {status}'}."
        if status == OUT_OF_MEMORY:
            # It is sticky: the next call that asks for the last error would take it for its own.
            self.cuda.cudaGetLastError()
            cure = "Close other programs that use the GPU, or take a CPU backend: backend='onnxruntime'."
            raise OutOfMemoryError(text, cure)
        raise BackendError(text, "facesdk doctor")


def _load() -> Any:
    cuda = ctypes.CDLL(str(find_library(CUDA_STEM)))
    cuda.cudaGetErrorString.restype = ctypes.c_char_p
    return cuda
