"""Measures the stages of one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from facesdk.types import StageTiming, Timings


class Stopwatch:
    """Collects the wall time of named stages, in the order in which they ran. One per call: not for several threads."""

    def __init__(self) -> None:
        self._stages: list[StageTiming] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the body of a `with` statement as one run of stage `name`; a body that raises is not recorded."""
        start = perf_counter()
        yield
        self._stages.append(StageTiming(name, (perf_counter() - start) * 1000.0))

    @property
    def timings(self) -> Timings:
        """What was measured up to now."""
        return Timings(tuple(self._stages))
