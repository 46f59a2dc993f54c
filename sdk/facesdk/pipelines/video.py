"""The swap of a film, frame by frame: follow the faces, swap them, keep them steady, paste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, MediaError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule
from facesdk.faces.track import TrackedFace, Tracker, TrackSettings
from facesdk.faces.track_state import Tensors, json_tensor, pack_tracker, read_json_tensor, unpack_tracker
from facesdk.identity import Identity
from facesdk.ops.blend import paste
from facesdk.ops.warp import Roi, crop_roi
from facesdk.pipelines.base import FaceSwap, SwapPipeline
from facesdk.pipelines.casting import Casting
from facesdk.pipelines.steady_paint import SteadyPaintSettings, SteadyPaintState, forget, steady_paint
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, RgbImage, Timings

MOST_FAILURES = 3
"""Frames in a row whose networks may fail; then it is no whim, and the film stops."""


@dataclass(frozen=True)
class VideoSettings:
    """What can be chosen.

    Attributes:
        track: how faces are followed.
        steady: how masks and colours are held still.
    """

    track: TrackSettings = field(default_factory=TrackSettings)
    steady: SteadyPaintSettings = field(default_factory=SteadyPaintSettings)


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


class VideoPainter:
    """Swaps the faces of one film. What it knows can be kept in a file, and another one goes on from there.

    Not for several threads: frames come in order.

    Args:
        analyzer: finds the faces.
        pipeline: swaps them.
        pairs: identities with their rules.
        settings: what can be chosen.
        min_face: smallest face to look for in pixels, or None.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        pipeline: SwapPipeline,
        pairs: Sequence[tuple[Identity, Rule]],
        settings: VideoSettings | None = None,
        min_face: float | None = None,
    ) -> None:
        self._settings = settings or VideoSettings()
        self._analyzer = analyzer
        self._pipeline = pipeline
        crop = analyzer.pack.manifest.family("faces").preprocessing.get("crops", {}).get("landmarks", {})
        presence = float(crop.get("presence_threshold", 0.0))
        self._tracker = Tracker(analyzer, self._settings.track, min_face, presence)
        self._casting = Casting(pairs)
        self._steady = SteadyPaintState()
        self._failures = 0

    def paint(self, image: RgbImage, pts_seconds: float) -> PaintedFrame:
        """Swaps the next frame.

        Args:
            image: (H, W, 3) uint8 RGB; not changed.
            pts_seconds: when it is shown; later than the last one.

        Raises:
            BackendError: the networks failed in MOST_FAILURES frames in a row.
        """
        watch = Stopwatch()
        faces: tuple[TrackedFace, ...] = ()
        try:
            faces = tuple(self._tracker.update(image, pts_seconds, watch))
            known = {track.id for track in self._tracker.state.tracks}
            self._casting.forget(known)
            forget(self._steady, known)
            cast = [(face, who) for face, who in self._casting.cast(faces) if face.strength > 0.0]
            swaps = self._pipeline.swap(image, [(face.face, who) for face, who in cast], watch) if cast else []
        except BackendError:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise
            return PaintedFrame(image, _NOTHING, Roi(0, 0, 0, 0), faces, (), watch.timings, failed=True)
        self._failures = 0
        with watch.stage("paste"):
            steady = [self._hold_still(face, swap, image, pts_seconds) for (face, _), swap in zip(cast, swaps)]
            out, mask, roi = _paste_all(image, steady)
        return PaintedFrame(out, mask, roi, faces, tuple(face.id for face, _ in cast), watch.timings)

    def state(self) -> Tensors:
        """All that the next frame depends on, as arrays."""
        numbers = {"roles": self._casting.roles, "failures": self._failures}
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
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MediaError(f"a film's state cannot be read: {error}.", "Start it anew: --force") from error

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
