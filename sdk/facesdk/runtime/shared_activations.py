"""One buffer for the intermediate results of all engines: they take turns, so the largest need is enough for all."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from facesdk.errors import OutOfMemoryError
from facesdk.runtime.engine_memory import DeviceMemory

NAME = "activations"


class SharedActivations:
    """A growing buffer, held by one run at a time."""

    def __init__(self) -> None:
        self._memory: DeviceMemory | None = None
        self._size = 0
        self._needs: dict[int, int] = {}
        self._lock = threading.RLock()

    def join(self, owner: Any, size_bytes: int) -> None:
        """Notes what an engine needs."""
        with self._lock:
            self._needs[id(owner)] = size_bytes

    def leave(self, owner: Any) -> None:
        """Forgets an engine; with the last one the buffer goes."""
        with self._lock:
            if self._needs.pop(id(owner), None) is not None and not self._needs and self._memory is not None:
                self._memory.close()
                self._memory, self._size = None, 0

    def reserve(self, owner: Any, cuda: Any) -> tuple[int, int]:
        """The buffer's address and size, enough for an engine that joined. To be called while the buffer is held.

        Args:
            owner: the engine's session.
            cuda: its CUDA runtime; that of the first one holds the memory, which every runtime of the process may use.

        Raises:
            OutOfMemoryError: the GPU has no room.
        """
        if self._memory is None:
            self._memory = DeviceMemory(cuda)
        self._size = max(self._size, self._needs[id(owner)])
        try:
            return self._memory.reserve(NAME, self._size), self._size
        except OutOfMemoryError:
            # The old buffer is gone: the next engine may need less.
            self._size = 0
            raise

    def __enter__(self) -> SharedActivations:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


SHARED = SharedActivations()
"""That of this process."""
