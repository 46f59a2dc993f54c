"""What is told of a film: while it is made, and when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facesdk.faces.track import TrackedFace
from facesdk.media.video_reader import Damage
from facesdk.types import RgbImage, Timings


@dataclass(frozen=True, eq=False)
class SwappedFrame:
    """A frame of a film with its swaps.

    Attributes:
        index: number of the frame, from 0.
        pts_seconds: when it is shown.
        image: (H, W, 3) uint8 RGB, upright.
        faces: the faces that are seen or held, from left to right; their `id` is the same in every frame.
        swapped: ids of those that were swapped.
        timings: milliseconds by stage.
        failed: whether the networks failed, so that the frame is as it was.
    """

    index: int
    pts_seconds: float
    image: RgbImage
    faces: tuple[TrackedFace, ...]
    swapped: tuple[int, ...]
    timings: Timings
    failed: bool

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"SwappedFrame({self.index}, {self.pts_seconds:.3f} s, {width}x{height}, swapped={self.swapped})"


@dataclass(frozen=True)
class VideoResult:
    """A film that was written.

    Attributes:
        path: the file.
        frame_count: frames in it.
        swapped_count: those of them in which a face was swapped.
        failed_count: those whose networks failed; they are as they were.
        resumed_count: those that an earlier run had made.
        duration_seconds: of the picture.
        wall_seconds: how long this run took.
        damage: what was wrong with the source.
        expected_count: frames that the source's header promises, or None.
        notes: what else there is to say, such as subtitles that were left out.
        marks: what marks the file as made by a trained algorithm.
        is_part: whether it was stopped before its end.
    """

    path: Path
    frame_count: int
    swapped_count: int
    failed_count: int
    resumed_count: int
    duration_seconds: float
    wall_seconds: float
    damage: Damage
    expected_count: int | None
    notes: tuple[str, ...]
    marks: tuple[str, ...]
    is_part: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """What was wrong, a sentence each; empty if nothing was."""
        damage, out = self.damage, []
        total = max(self.frame_count, (self.expected_count or 0) - damage.hidden_frames)
        if damage.corrupt_frames:
            out.append(f"{damage.corrupt_frames} of {total} frames of the source are damaged")
        missing = total - self.frame_count
        if not self.is_part and (damage.lost_packets or missing > 0):
            out.append(f"{max(missing, damage.lost_packets)} of {total} frames of the source could not be decoded")
        if damage.cut:
            out.append("the source is cut off")
        if damage.mended_times:
            out.append(f"{damage.mended_times} frames had no time of their own")
        if damage.resized_frames:
            out.append(f"{damage.resized_frames} frames changed size and were scaled to the first one's")
        if self.failed_count:
            out.append(f"the networks failed in {self.failed_count} frames, which are as they were")
        return tuple(out)


class VideoInterrupted(KeyboardInterrupt):
    """Ctrl-C came while a film was written.

    Attributes:
        result: the part that plays, or None if there was nothing yet.
    """

    def __init__(self, result: VideoResult | None) -> None:
        super().__init__(f"stopped; the part is {result.path}" if result else "stopped; nothing was written")
        self.result = result
