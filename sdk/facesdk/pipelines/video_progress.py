"""A line that says how far a film is."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class ProgressLine:
    """Writes "12 % 288 of 2400 frames 31.2 fps 1:08 left" over itself; into a file, a line every ten percent.

    Args:
        total: frames of the film, or None.
        stream: where to.
    """

    def __init__(self, total: int | None, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._start = self._shown = time.monotonic()
        self._first = 0
        self._tenth = 0

    def begin(self, done: int) -> None:
        """Says how many frames an earlier run made."""
        self._first = done
        self._tenth = self._share(done)

    def show(self, done: int) -> None:
        """Says how many frames are done."""
        now = time.monotonic()
        if self._live:
            if now - self._shown < 0.2:
                return
            self._shown = now
            print(f"\r{self._text(done, now):<70}", end="", file=self._stream, flush=True)
        elif self._share(done) > self._tenth:
            self._tenth = self._share(done)
            print(self._text(done, now), file=self._stream, flush=True)

    def end(self) -> None:
        """Clears the line."""
        if self._live:
            print("\r" + " " * 70 + "\r", end="", file=self._stream, flush=True)

    def _share(self, done: int) -> int:
        return 10 * done // self._total if self._total else 0

    def _text(self, done: int, now: float) -> str:
        rate = (done - self._first) / max(now - self._start, 1e-6)
        if not self._total:
            return f"{done} frames  {rate:.1f} fps"
        left = round(max(self._total - done, 0) / rate) if rate > 0 else 0
        return f"{100 * done // self._total:3d} %  {done} of {self._total} frames  {rate:.1f} fps  {_clock(left)} left"


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
