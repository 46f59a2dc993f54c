"""Ctrl-C as a request: the first one ends the work in good order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class Stopped(BaseException):
    """Ctrl-C came while something was done that may be left half done."""


class StopSignal:
    """Catches Ctrl-C within a `with` statement. Outside the main thread it does nothing."""

    def __init__(self) -> None:
        self.requested = False
        """Whether Ctrl-C came."""
        self._may_leave = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def may_leave(self) -> Iterator[None]:
        """Within it Ctrl-C raises `Stopped` at once: for work that takes long and leaves nothing behind."""
        self._may_leave = True
        try:
            if self.requested:
                raise Stopped
            yield
        finally:
            self._may_leave = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self._may_leave:
            raise Stopped
