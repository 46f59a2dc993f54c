"""A picture on its way through the live stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from facesdk.errors import BackendError
from facesdk.faces.track import TrackedFace
from facesdk.identity import Identity
from facesdk.pipelines.base import FaceSwap
from facesdk.types import RgbImage


@dataclass(eq=False)
class LiveFrame:
    """One picture of the camera and what the stages found and made; each stage fills in its part.

    Attributes:
        index: number of the picture among those that were captured, from 0; pictures that gave way leave gaps.
        image: (H, W, 3) uint8 RGB, changed in place; None while the camera is away.
        seconds: when it was taken, on the camera's clock.
        is_first: nothing that was remembered of earlier pictures holds: the first one, or another size.
        faces: those that are seen or held, from left to right.
        known: numbers of all faces that may come back.
        cast: who is swapped, and with whom.
        swaps: one for each of these.
        failed: the networks failed, and the picture stays as it is.
    """

    index: int
    image: RgbImage | None
    seconds: float
    is_first: bool = False
    faces: tuple[TrackedFace, ...] = ()
    known: frozenset[int] = frozenset()
    cast: tuple[tuple[TrackedFace, Identity], ...] = ()
    swaps: list[FaceSwap] = field(default_factory=list)
    failed: BackendError | None = None

    @property
    def is_swapped(self) -> bool:
        """Whether it has a swap."""
        return bool(self.swaps) and self.failed is None
