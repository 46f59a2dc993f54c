"""The one layer through which tests break what films are read from and written to."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from facesdk.media import video_reader
from facesdk.media.storage import Storage


class BrokenStorage(Storage):
    """A disk that works up to a point, and says what went through it.

    Args:
        capacity: bytes that can be written; None for endless.
        good_calls: files that can be opened, appended to, or given their name; None for endless.
        number: the error then.
    """

    def __init__(self, capacity: int | None = None, good_calls: int | None = None, number: int = errno.ENOSPC) -> None:
        self.capacity, self.good_calls, self.number = capacity, good_calls, number
        self.written = 0
        self.calls = 0

    def create(self, path: Path) -> BinaryIO:
        self._call()
        disk = self

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                disk.take(len(data))
                return super().write(data) or 0

        return File(path, "w+b")  # type: ignore[return-value]

    def append(self, path: Path, data: bytes) -> None:
        self._call()
        self.take(len(data))
        super().append(path, data)

    def publish(self, temporary: Path, path: Path) -> None:
        self._call()
        super().publish(temporary, path)

    def take(self, count: int) -> None:
        """Counts bytes that are about to be written."""
        if self.capacity is not None and self.written + count > self.capacity:
            self._fail()
        self.written += count

    def _call(self) -> None:
        if self.good_calls is not None and self.calls >= self.good_calls:
            self._fail()
        self.calls += 1

    def _fail(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


@contextmanager
def largest_file(byte_count: int) -> Iterator[None]:
    """No file can become larger: what FFmpeg itself writes fails too. POSIX only."""
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def broken_source(monkeypatch: pytest.MonkeyPatch, good_packets: int) -> Iterator[None]:
    """A disk that cannot be read behind some packets of a film."""
    opened = video_reader.open_container

    class Container:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __enter__(self) -> Container:
            self._real.__enter__()
            return self

        def __exit__(self, *arguments: Any) -> None:
            self._real.__exit__(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def demux(self, stream: Any) -> Iterator[Any]:
            for number, packet in enumerate(self._real.demux(stream)):
                if number >= good_packets:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                yield packet

    with monkeypatch.context() as patch:
        patch.setattr(video_reader, "open_container", lambda path: Container(opened(path)))
        yield
