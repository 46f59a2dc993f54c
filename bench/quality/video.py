"""How steady a film's faces are: jitter, lag, flicker, and whether numbers stay with their people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.quality.video_clips import (
    FPS,
    NOISE_LEVELS,
    TrueClip,
    blink_clip,
    crossing_clip,
    nod_clip,
    occluder_clip,
    still_clip,
)
from bench.report import BenchReport, Figure
from facesdk.faces.select import Rule
from facesdk.faces.track import TrackedFace, Tracker, TrackSettings
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.pipelines.steady_paint import SteadyPaintSettings
from facesdk.pipelines.video import VideoPainter, VideoSettings
from facesdk.swapper import FaceSwapper

F32 = NDArray[np.float32]
UPPER_LIDS, LOWER_LIDS = (37, 38, 43, 44), (41, 40, 47, 46)
SETTLE = 8
"""Frames at the start that are not judged."""
RAW = TrackSettings(steady=False)
UNSTEADY = VideoSettings(RAW, SteadyPaintSettings(mask_seconds=0.0, color_seconds=0.0))


def jitter(points: NDArray[np.floating], eyes_px: float) -> float:
    """RMS change of speed from frame to frame, as a share of the eyes' distance; 0 for even motion.

    Args:
        points: (T, N, 2) pixels.
        eyes_px: distance of the eyes.
    """
    bend = np.diff(points.astype(np.float64), n=2, axis=0)
    # White noise of deviation s has second differences of deviation s sqrt(1 + 4 + 1).
    return float(np.sqrt((bend**2).mean() / 6.0)) / eyes_px


def lag_frames(points: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """By how many frames points are behind the truth: least squares of truth - points = lag * speed.

    Args:
        points, truth: (T, N, 2) pixels.
    """
    at, true = points.mean(1).astype(np.float64), truth.mean(1).astype(np.float64)
    behind = (true - at) - (true - at).mean(0)
    speed = np.gradient(true, axis=0)
    speed = speed - speed.mean(0)
    return float((behind * speed).sum() / max((speed**2).sum(), 1e-12))


def flicker(frames: Sequence[NDArray[np.uint8]], mask: NDArray[np.bool_]) -> float:
    """RMS of what a pixel differs from the mean of the frame before and after, of 255, where a face stands still.

    Args:
        frames: (H, W, 3) uint8 each.
        mask: (H, W) the pixels that are judged.
    """
    values = np.stack([frame[mask] for frame in frames]).astype(np.float64)
    bend = values[1:-1] - (values[:-2] + values[2:]) / 2.0
    # White noise of deviation s gives s sqrt(1 + 1/2).
    return float(np.sqrt((bend**2).mean() / 1.5))


def lid_gap(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) opening of the eyes in pixels, of (T, 68, 2) landmarks."""
    gap = points[:, LOWER_LIDS, 1] - points[:, UPPER_LIDS, 1]
    return np.asarray(gap.mean(1), np.float64)


def follow(swapper: FaceSwapper, clip: TrueClip, settings: TrackSettings | None = None) -> list[list[TrackedFace]]:
    """Tracks a clip."""
    tracker = Tracker(swapper.analyzer, settings)
    return [tracker.update(frame, index / FPS) for index, frame in enumerate(clip.frames)]


def nearest_track(film: Sequence[Sequence[TrackedFace]], truth: F32) -> tuple[F32, list[int | None]]:
    """The face nearest to a person's truth in each frame.

    Returns:
        (T, 68, 2) float32 landmarks, NaN where none is near or the person is hidden; and the numbers of the faces.
    """
    out, numbers = np.full(truth.shape, np.nan, np.float32), list[int | None]()
    for index, faces in enumerate(film):
        number = None
        if not np.isnan(truth[index]).any():
            eyes = float(np.linalg.norm(truth[index, 36:42].mean(0) - truth[index, 42:48].mean(0)))
            near = [
                (float(np.linalg.norm(face.face.best_points.mean(0) - truth[index].mean(0))), face)
                for face in faces
                if face.seen
            ]
            distance, face = min(near, key=lambda pair: pair[0], default=(np.inf, None))
            if face is not None and distance < 0.7 * eyes:
                out[index], number = face.face.best_points, face.id
        numbers.append(number)
    return out, numbers


def kept_numbers(film: Sequence[Sequence[TrackedFace]], clip: TrueClip) -> float:
    """Share of the frames in which each visible person is found under the number of the clip's first frames."""
    right = total = 0
    for truth in clip.landmarks:
        numbers = nearest_track(film, truth)[1]
        first = next((number for number in numbers if number is not None), None)
        for index, number in enumerate(numbers):
            if not np.isnan(truth[index]).any():
                total += 1
                right += number is not None and number == first
    return right / max(total, 1)


def measure_steadiness(pack: Pack, source: NDArray[np.uint8], backend: str = "auto") -> BenchReport:
    """Runs the clips.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB: whose face goes in.
        backend: a backend's name.
    """
    with FaceSwapper(pack, backend) as swapper:
        still = still_clip()
        figures = [
            *_still_figures(swapper, still),
            *_motion_figures(swapper),
            *_number_figures(swapper),
            *_flicker_figures(swapper, still, Identity.synthetic(source, analyzer=swapper.analyzer)),
        ]
    settings = {"pack": pack.name, "frames": len(still.frames), "fps": FPS, "noise_levels": NOISE_LEVELS}
    return BenchReport("steadiness of films", figures, settings)


def _both(swapper: FaceSwapper, clip: TrueClip) -> tuple[F32, F32]:
    """Landmarks of a clip's one person as the network gives them, and filtered."""
    truth = clip.landmarks[0]
    raw = nearest_track(follow(swapper, clip, RAW), truth)[0]
    return raw, nearest_track(follow(swapper, clip), truth)[0]


def _still_figures(swapper: FaceSwapper, still: TrueClip) -> list[Figure]:
    truth = still.landmarks[0]
    eyes = float(np.linalg.norm(truth[0, 36:42].mean(0) - truth[0, 42:48].mean(0)))
    raw, steady = (jitter(points[SETTLE:], eyes) for points in _both(swapper, still))
    return [
        Figure("still face: jitter, filtered over raw", steady / raw, "", 0.4, 0.2, "lower"),
        Figure("still face: jitter, filtered", 1e3 * steady, "eyes/1000", better="lower"),
    ]


def _motion_figures(swapper: FaceSwapper) -> list[Figure]:
    nod, blink = nod_clip(), blink_clip()
    raw, steady = (points[SETTLE:] for points in _both(swapper, nod))
    known = ~(np.isnan(raw).any((1, 2)) | np.isnan(steady).any((1, 2)))
    truth = nod.landmarks[0][SETTLE:][known]
    added = lag_frames(steady[known], truth) - lag_frames(raw[known], truth)
    seen, kept = _both(swapper, blink)
    return [
        Figure("turning head: lag that the filter adds", added, "frames", 1.0, 0.5, "lower"),
        Figure("blink: depth that the network sees, of the truth", _depth(seen) / _depth(blink.landmarks[0])),
        Figure("blink: depth, filtered over raw", _depth(kept) / _depth(seen)),
    ]


def _number_figures(swapper: FaceSwapper) -> list[Figure]:
    figures = []
    for name, clip in (("two people cross", crossing_clip()), ("board in front", occluder_clip())):
        share = kept_numbers(follow(swapper, clip), clip)
        figures.append(Figure(f"{name}: frames with the right number", share, "", 0.9, 1.0))
    return figures


def _flicker_figures(swapper: FaceSwapper, still: TrueClip, identity: Identity) -> list[Figure]:
    plain, first = _swapped(swapper, identity, still, UNSTEADY)
    steady, second = _swapped(swapper, identity, still, VideoSettings())
    mask = first & second
    before, after = flicker(plain, mask), flicker(steady, mask)
    return [
        Figure("still face: flicker of the swap, steady over plain", after / before, "", 1.0, 0.7, "lower"),
        Figure("still face: flicker of the swap, steady", after, "of 255", better="lower"),
        Figure("still face: flicker of the source", flicker(list(still.frames[SETTLE:]), mask), "of 255"),
    ]


def _depth(points: F32) -> float:
    """How far the eyes close: the widest opening less the narrowest, pixels."""
    gap = lid_gap(points[~np.isnan(points).any((1, 2))])
    return float(np.median(gap) - np.sort(gap)[:4].mean())


def _swapped(
    swapper: FaceSwapper, identity: Identity, clip: TrueClip, settings: VideoSettings
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """The clip's frames with the swap, and the pixels that it covers in all of them."""
    pipeline = swapper._pipeline
    assert pipeline is not None
    painter = VideoPainter(swapper.analyzer, pipeline, [(identity, Rule("largest"))], settings)
    frames, covered = [], np.ones(clip.frames.shape[1:3], bool)
    for index, frame in enumerate(clip.frames):
        painted = painter.paint(frame, index / FPS)
        if index < SETTLE:
            continue
        mask = np.zeros(covered.shape, bool)
        if not painted.roi.is_empty:
            mask[painted.roi.slices] = painted.mask > 0.5
        covered &= mask
        frames.append(painted.image)
    return frames, covered
