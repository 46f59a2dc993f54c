"""What a real-time chain measures of itself, in memory that does not grow."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

KEPT = 4096
"""Newest values of each kind that percentiles are taken of."""
RECENT = 120
"""Newest frames that the figures on the screen are taken of."""


@dataclass(frozen=True)
class Percentiles:
    """Of the newest values, milliseconds; NaN where there is none."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values_ms: np.ndarray[Any, np.dtype[np.float64]]) -> Percentiles:
        """Of (N,) values."""
        if not len(values_ms):
            return cls(float("nan"), float("nan"), float("nan"))
        return cls(*(float(value) for value in np.percentile(values_ms, (50, 95, 99))))


@dataclass(frozen=True)
class RealtimeFigures:
    """What was measured up to now.

    Attributes:
        seconds: from the first to the last frame that was shown.
        captured: frames that came from the source.
        dropped: those of them that gave way to newer ones.
        shown: frames that reached the sink, in order.
        fps: shown frames a second.
        latency_ms: from capture to the sink's return, of the newest KEPT frames.
        stages_ms: wall time of each stage, likewise.
    """

    seconds: float
    captured: int
    dropped: int
    shown: int
    fps: float
    latency_ms: Percentiles
    stages_ms: Mapping[str, Percentiles]


class Ring:
    """The newest `size` numbers."""

    def __init__(self, size: int) -> None:
        self._values = np.zeros(size, np.float64)
        self.count = 0
        """Numbers that were added, kept or not."""

    def add(self, value: float) -> None:
        """Adds one; the oldest goes when it is full."""
        self._values[self.count % len(self._values)] = value
        self.count += 1

    def newest(self, most: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(N,) the newest of them, at most `most`, oldest first."""
        size = min(self.count, len(self._values), most)
        return self._values[np.arange(self.count - size, self.count) % len(self._values)]


class RealtimeMeter:
    """Counts frames and keeps the newest times. For several threads.

    Args:
        stages: names, in order.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._stages = {name: Ring(KEPT) for name in stages}
        self._latency = Ring(KEPT)
        self._shown_at = Ring(KEPT)
        self._first = 0.0
        self._captured = self._dropped = 0

    def capture(self, dropped: int = 0) -> None:
        """Counts a frame of the source, and those that gave way to it."""
        with self._lock:
            self._captured += 1
            self._dropped += dropped

    def time(self, stage: str, seconds: float) -> None:
        """Takes how long a stage worked on a frame."""
        with self._lock:
            self._stages[stage].add(seconds * 1e3)

    def show(self, captured_seconds: float) -> None:
        """Counts a frame that the sink has taken just now, captured at `time.monotonic()` = captured_seconds."""
        now = time.monotonic()
        with self._lock:
            if not self._shown_at.count:
                self._first = now
            self._shown_at.add(now)
            self._latency.add((now - captured_seconds) * 1e3)

    @property
    def shown(self) -> int:
        """Frames that were shown."""
        return self._shown_at.count

    def figures(self) -> RealtimeFigures:
        """Of the whole run; its percentiles are of the newest KEPT frames."""
        return self._figures(KEPT, self._first)

    def recent(self) -> RealtimeFigures:
        """Of the newest RECENT frames, but for the counts: what is shown on a screen."""
        return self._figures(RECENT, None)

    def _figures(self, most: int, first: float | None) -> RealtimeFigures:
        with self._lock:
            times = self._shown_at.newest(most)
            begin = first if first is not None else (float(times[0]) if len(times) else 0.0)
            count = self._shown_at.count if first is not None else len(times)
            seconds = float(times[-1]) - begin if len(times) else 0.0
            latency = self._latency.newest(most)
            stages = {name: ring.newest(most) for name, ring in self._stages.items()}
            captured, dropped, shown = self._captured, self._dropped, self._shown_at.count
        fps = (count - 1) / seconds if count > 1 and seconds > 0 else 0.0
        by_stage = {name: Percentiles.of(values) for name, values in stages.items()}
        return RealtimeFigures(seconds, captured, dropped, shown, fps, Percentiles.of(latency), by_stage)
