"""What tests break beside `facesdk.media.broken_storage`: files that cannot grow, and films that cannot be read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from facesdk.media import video_reader


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
