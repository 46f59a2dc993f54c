"""What a swap gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

from facesdk.provenance.label import Kind
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.result_picture import ResultPicture
from facesdk.types import F32, Face, Timings


@dataclass(frozen=True, eq=False)
class SwapResult(ResultPicture):
    """A picture with swapped faces.

    Attributes:
        image: (H, W, 3) uint8 RGB. Where mask is 0, its pixels are the target's, bit for bit.
        mask: (H, W) float32, 0 = target, 1 = swapped.
        faces: every face that was found, from left to right.
        swapped: numbers of the faces that were swapped.
        skipped: for the rule "all": (number, reason) of each face that could not be swapped.
        timings: milliseconds by stage.
        backend: what ran the swap's networks, for example "openvino-bf16".
        notes: what a reader should know besides, one sentence each.
        work: what its manifest and the audit log say of how it was made.
    """

    mask: F32
    faces: tuple[Face, ...]
    swapped: tuple[int, ...]
    skipped: tuple[tuple[int, str], ...]
    timings: Timings
    backend: str
    work: Work = field(default=UNKNOWN, repr=False)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        which = f"swapped={self.swapped} of {len(self.faces)}"
        return f"SwapResult({width}x{height}, {which}, {self.timings.total_ms:.1f} ms)"

    @property
    def kind(self) -> Kind:
        """The kind of its label: compositeWithTrainedAlgorithmicMedia."""
        return "swap"
