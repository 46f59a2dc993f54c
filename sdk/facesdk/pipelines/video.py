"""The swap of a film, frame by frame: follow the faces, swap them, keep them steady, paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, FacesdkError, InputError, MediaError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule
from facesdk.faces.track import TrackedFace, Tracker, TrackSettings
from facesdk.faces.track_state import Tensors, json_tensor, pack_tracker, read_json_tensor, unpack_tracker
from facesdk.identity import Identity
from facesdk.ops.blend import paste
from facesdk.ops.warp import Roi, crop_roi
from facesdk.pipelines.base import FaceSwap, SwapPipeline
from facesdk.pipelines.casting import Casting
from facesdk.pipelines.latched_check import LatchedCheck
from facesdk.pipelines.steady_paint import SteadyPaintSettings, SteadyPaintState, forget, steady_paint
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, Face, RgbImage, Timings

MOST_FAILURES = 3
"""Frames in a row whose networks may fail; then it is no whim, and the film stops."""


@dataclass(frozen=True)
class VideoSettings:
    """What can be chosen.

    Attributes:
        track: how faces are followed.
        steady: how masks and colours are held still.
        frames_at_once: most frames of a film whose faces go through the networks together, fewer of large frames. It
            changes no pixel, so a job may go on with another number, and a film's mark does not hold it.

    Raises:
        InputError: no frame at once.
    """

    track: TrackSettings = field(default_factory=TrackSettings)
    steady: SteadyPaintSettings = field(default_factory=SteadyPaintSettings)
    frames_at_once: int = field(default=8, repr=False)

    def __post_init__(self) -> None:
        if self.frames_at_once < 1:
            raise InputError(f"frames_at_once={self.frames_at_once}: at least 1 expected.")


@dataclass(frozen=True, eq=False)
class PaintedFrame:
    """A frame with its swaps.

    Attributes:
        image: (H, W, 3) uint8 RGB; the very input if nothing was swapped.
        mask: (h, w) float32 of the region: 0 = target, 1 = swapped.
        roi: the region of the picture that may differ; empty if nothing was swapped.
        faces: the faces that are seen or held, from left to right.
        swapped: numbers (`TrackedFace.id`) of those that were swapped.
        timings: milliseconds by stage.
        failed: whether the networks failed, so that the frame is as it was.
    """

    image: RgbImage
    mask: F32
    roi: Roi
    faces: tuple[TrackedFace, ...]
    swapped: tuple[int, ...]
    timings: Timings
    failed: bool = False


@dataclass(eq=False)
class _SeenFrame:
    """A frame on its way: what was seen in it, and what the networks made of that.

    Attributes:
        known: numbers of the faces that the tracker knows, or None if it failed.
        shared: its part of the time that was spent on several frames.
    """

    image: RgbImage
    seconds: float
    watch: Stopwatch = field(default_factory=Stopwatch)
    faces: tuple[TrackedFace, ...] = ()
    known: set[int] | None = None
    cast: list[tuple[TrackedFace, Identity]] = field(default_factory=list)
    swaps: list[FaceSwap] = field(default_factory=list)
    shared: Timings = Timings(())
    failed: BackendError | None = None

    @property
    def pairs(self) -> list[tuple[Face, Identity]]:
        """As a pipeline takes them."""
        return [(face.face, who) for face, who in self.cast]


class VideoPainter:
    """Swaps the faces of one film. What it knows can be kept in a file, and another one goes on from there.

    Not for several threads: frames come in order.

    Args:
        analyzer: finds the faces.
        pipeline: swaps them.
        pairs: identities with their rules.
        settings: what can be chosen.
        min_face: smallest face to look for in pixels, or None.
        check: looks at the frames before they are swapped, or None.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        pipeline: SwapPipeline,
        pairs: Sequence[tuple[Identity, Rule]],
        settings: VideoSettings | None = None,
        min_face: float | None = None,
        check: LatchedCheck | None = None,
    ) -> None:
        self._settings = settings or VideoSettings()
        self._check = check
        self._analyzer = analyzer
        self._pipeline = pipeline
        self._tracker = Tracker(analyzer, self._settings.track, min_face, analyzer.min_presence, analyzer.evidence)
        self._casting = Casting(pairs)
        self._steady = SteadyPaintState()
        self._failures = 0

    def paint(self, image: RgbImage, pts_seconds: float) -> PaintedFrame:
        """Swaps the next frame as soon as it is there: for live pictures.

        Args:
            image: (H, W, 3) uint8 RGB; not changed.
            pts_seconds: when it is shown; later than the last one.

        Raises:
            ContentError: the content check refused this frame, or an earlier one.
            BackendError: the networks failed in MOST_FAILURES frames in a row, or the content check did.
        """
        seen = self._see(image, pts_seconds)
        if seen.cast:
            try:
                seen.swaps = self._pipeline.swap(image, seen.pairs, seen.watch)
            except BackendError as error:
                seen.failed = error
        return self._finish(seen)

    def paint_frames(self, frames: Sequence[tuple[RgbImage, float]]) -> Iterator[PaintedFrame]:
        """Swaps the next frames, the faces of all of them in common batches. How a film is cut changes no pixel.

        Args:
            frames: as `paint` takes them, in order.

        Yields:
            The frames in the same order. What the next call depends on is complete behind the last one.

        Raises:
            ContentError, BackendError: as `paint`, behind the frames that come before.
        """
        seen: list[_SeenFrame] = []
        refused: FacesdkError | None = None
        for image, pts_seconds in frames:
            try:
                seen.append(self._see(image, pts_seconds))
            except FacesdkError as error:
                refused = error
                break
        self._swap([frame for frame in seen if frame.cast])
        for frame in seen:
            yield self._finish(frame)
        if refused is not None:
            raise refused

    @property
    def frames_at_once(self) -> int:
        """Most frames for `paint_frames`, as the settings say."""
        return self._settings.frames_at_once

    def state(self) -> Tensors:
        """All that the next frame depends on, as arrays."""
        checked = None if self._check is None else self._check.second
        numbers = {"roles": self._casting.roles, "failures": self._failures, "checked_second": checked}
        return {**pack_tracker(self._tracker.state), **self._steady.tensors(), "painter": json_tensor(numbers)}

    def restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Goes on where the painter was that gave this state.

        Raises:
            MediaError: it is no such state.
        """
        self._tracker.state = unpack_tracker(tensors)
        try:
            self._steady = SteadyPaintState.from_tensors(tensors)
            numbers = read_json_tensor(tensors["painter"])
            self._casting.restore(numbers["roles"])
            self._failures = int(numbers["failures"])
            checked = numbers.get("checked_second")
            if self._check is not None and checked is not None:
                self._check.second = int(checked)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise MediaError(f"a film's state cannot be read: {error}.", "Start it anew: --force") from error

    def _see(self, image: RgbImage, seconds: float) -> _SeenFrame:
        """Follows the faces into a frame, and says who is swapped."""
        frame = _SeenFrame(image, seconds)
        if self._check is not None:
            with frame.watch.stage("check"):
                self._check.look(image, seconds)
        try:
            frame.faces = tuple(self._tracker.update(image, seconds, frame.watch))
        except BackendError as error:
            frame.failed = error
            return frame
        frame.known = {track.id for track in self._tracker.state.tracks}
        self._casting.forget(frame.known)
        frame.cast = [(face, who) for face, who in self._casting.cast(frame.faces) if face.strength > 0.0]
        return frame

    def _swap(self, frames: Sequence[_SeenFrame]) -> None:
        """Makes the new faces of all frames. Where that fails, each goes alone: it tells which one is to blame."""
        if not frames:
            return
        watch = Stopwatch()
        try:
            swaps = self._pipeline.swap_frames([(frame.image, frame.pairs) for frame in frames], watch)
        except BackendError as error:
            if len(frames) == 1:
                frames[0].failed = error
            else:
                for frame in frames:
                    self._swap([frame])
            return
        share = Timings(tuple(replace(stage, duration_ms=stage.duration_ms / len(frames)) for stage in watch.timings))
        for frame, frame.swaps in zip(frames, swaps):
            frame.shared = share

    def _finish(self, frame: _SeenFrame) -> PaintedFrame:
        """Holds the new faces still and pastes them; in the frames' order."""
        if frame.known is not None:
            forget(self._steady, frame.known)
        if frame.failed is not None:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise frame.failed
            return PaintedFrame(
                frame.image, _NOTHING, Roi(0, 0, 0, 0), frame.faces, (), frame.watch.timings, failed=True
            )
        self._failures = 0
        before = frame.watch.timings + frame.shared
        watch = Stopwatch()
        with watch.stage("paste"):
            steady = [
                self._hold_still(face, swap, frame.image, frame.seconds)
                for (face, _), swap in zip(frame.cast, frame.swaps)
            ]
            out, mask, roi = _paste_all(frame.image, steady)
        return PaintedFrame(
            out, mask, roi, frame.faces, tuple(face.id for face, _ in frame.cast), before + watch.timings
        )

    def _hold_still(self, face: TrackedFace, swap: FaceSwap, image: RgbImage, seconds: float) -> FaceSwap:
        steady = steady_paint(self._steady, face.id, swap, image, seconds, self._settings.steady)
        return (
            steady
            if face.strength >= 1.0
            else FaceSwap(steady.crop, steady.mask * np.float32(face.strength), steady.matrix)
        )


_NOTHING: F32 = np.zeros((0, 0), np.float32)


def _paste_all(image: RgbImage, swaps: Sequence[FaceSwap]) -> tuple[RgbImage, F32, Roi]:
    """Pastes every face, each within its own region; the rest of the picture is copied once."""
    size_hw = (image.shape[0], image.shape[1])
    rois = [crop_roi(swap.matrix, (0, 0, swap.mask.shape[1], swap.mask.shape[0]), size_hw) for swap in swaps]
    shown = [(swap, roi) for swap, roi in zip(swaps, rois) if not roi.is_empty]
    if not shown:
        return image, _NOTHING, Roi(0, 0, 0, 0)
    whole = Roi(
        min(roi.x0 for _, roi in shown),
        min(roi.y0 for _, roi in shown),
        max(roi.x1 for _, roi in shown),
        max(roi.y1 for _, roi in shown),
    )
    out = image.copy()
    mask = np.zeros(whole.size_hw, np.float32)
    for swap, roi in shown:
        matrix = swap.matrix.astype(np.float64)
        matrix[:, 2] += matrix[:, :2] @ np.array([roi.x0, roi.y0], np.float64)
        out[roi.slices], painted, _ = paste(out[roi.slices], swap.crop, swap.mask, matrix)
        part = mask[roi.y0 - whole.y0 : roi.y1 - whole.y0, roi.x0 - whole.x0 : roi.x1 - whole.x0]
        np.maximum(part, painted, out=part)
    return out, mask, whole
