"""The layer through which tests and the bench break disks: a storage that works up to a point."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from facesdk.media.storage import Storage


class BrokenStorage(Storage):
    """A disk that works up to a point, and says what went through it.

    Args:
        capacity: bytes that can be written; None for endless.
        good_calls: files that can be opened, appended to, or given their name; None for endless.
        number: the error then, of `errno`.
    """

    def __init__(self, capacity: int | None = None, good_calls: int | None = None, number: int = errno.ENOSPC) -> None:
        self.capacity, self.good_calls, self.number = capacity, good_calls, number
        self.written = 0
        self.calls = 0

    def create(self, path: Path) -> BinaryIO:
        """See `Storage.create`."""
        self._call()
        return cast(BinaryIO, _CountedFile(path, self))

    def append(self, path: Path, data: bytes) -> None:
        """See `Storage.append`."""
        self._call()
        self.take(len(data))
        super().append(path, data)

    def publish(self, temporary: Path, path: Path) -> None:
        """See `Storage.publish`."""
        self._call()
        super().publish(temporary, path)

    def take(self, count: int) -> None:
        """Counts bytes that are about to be written.

        Raises:
            OSError: there is no room for them.
        """
        if self.capacity is not None and self.written + count > self.capacity:
            self._fail()
        self.written += count

    def _call(self) -> None:
        if self.good_calls is not None and self.calls >= self.good_calls:
            self._fail()
        self.calls += 1

    def _fail(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


class _CountedFile(io.FileIO):
    """A file on such a disk."""

    def __init__(self, path: Path, disk: BrokenStorage) -> None:
        super().__init__(path, "w+b")
        self._disk = disk

    def write(self, data: Any) -> int:
        self._disk.take(len(data))
        return super().write(data) or 0
