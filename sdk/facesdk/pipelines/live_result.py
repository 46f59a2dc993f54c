"""What is told of a live swap when it is over."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from facesdk.media.realtime_meter import RealtimeFigures

Ending = Literal["asked", "limit", "source", "viewer"]


@dataclass(frozen=True)
class LiveResult:
    """A live swap that has ended.

    Attributes:
        figures: frames, frames a second, latency, time of each stage.
        camera: where the pictures came from.
        sink: where they went to.
        sizes_hw: of the pictures, in the order in which they first came.
        swapped_count: pictures that were shown with a swap.
        failed_count: pictures whose networks failed; they are as they were.
        lost_count: how often the camera went away.
        ended_by: "asked": `stop` or Ctrl-C; "limit": frames or seconds; "source": the film ended; "viewer": the window.
        backend: what ran the networks, and on how many threads each.
        path: the film that was written, or None.
        marks: what marks it.
    """

    figures: RealtimeFigures
    camera: str
    sink: str
    sizes_hw: tuple[tuple[int, int], ...]
    swapped_count: int
    failed_count: int
    lost_count: int
    ended_by: Ending
    backend: str
    path: Path | None = None
    marks: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON values; what could not be measured is null."""
        values = asdict(self)
        values["path"] = None if self.path is None else str(self.path)
        values["badge"] = True
        out = _plain(values)
        assert isinstance(out, dict)
        return out


def _plain(value: Any) -> Any:
    """JSON has no NaN, and three digits are what a clock is good for."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value
