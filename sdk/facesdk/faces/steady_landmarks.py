"""Landmarks without jitter: the face's motion as a whole and its expression are filtered apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import similarity
from facesdk.faces.one_euro import F64, OneEuroSettings, OneEuroState, one_euro
from facesdk.types import F32

MOTION = OneEuroSettings(min_cutoff_hz=0.6, beta=40.0)
"""Of position, size and angle. All 68 points tell of them, so their speed is well known and may weigh much."""
SHAPE = OneEuroSettings(min_cutoff_hz=0.5, beta=7.0, speed_cutoff_hz=3.0)
"""Of each point within the face: blinks, the mouth."""
GAP_SECONDS = 0.5
"""After a pause this long the past says nothing."""


@dataclass(frozen=True, eq=False)
class SteadyState:
    """What `steady_landmarks` remembers of one face.

    Attributes:
        motion: (4,) a, b, x, y of the similarity ((a, -b), (b, a)), (x, y) that places the shape, in pixels.
        shape: (68, 2) points about their centre, in units of their root mean square distance to it.
    """

    motion: OneEuroState
    shape: OneEuroState


def steady_landmarks(
    state: SteadyState | None,
    landmarks: NDArray[np.floating],
    seconds: float,
    motion: OneEuroSettings = MOTION,
    shape: OneEuroSettings = SHAPE,
) -> tuple[SteadyState, F32]:
    """Filters the landmarks of the next frame.

    A point's own speed is as noisy as the point. So the similarity that takes the last shape to the new points is
    filtered with the speed of all points together, and only what remains is filtered point by point.

    Args:
        state: what the last call gave for this face, or None at the start.
        landmarks: (N, 2) pixels.
        seconds: time of the frame.
        motion, shape: the filters' numbers; speeds count in sizes of the face.

    Returns:
        The new state, and (N, 2) float32 pixels.
    """
    points = np.asarray(landmarks, np.float64)
    if state is None or seconds <= state.motion.seconds or seconds - state.motion.seconds > GAP_SECONDS:
        centre = points.mean(0)
        size = float(np.sqrt(((points - centre) ** 2).sum(-1).mean()))
        start = np.array([size, 0.0, centre[0], centre[1]])
        new = SteadyState(
            one_euro(motion, None, start, seconds), one_euro(shape, None, (points - centre) / size, seconds)
        )
        return new, points.astype(np.float32)
    matrix = similarity(state.shape.value, points).astype(np.float64)
    placed = np.array([matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2]])
    size = float(np.hypot(placed[0], placed[1]))
    within = (points - placed[2:]) @ matrix[:, :2] / size**2
    new = SteadyState(
        one_euro(motion, state.motion, placed, seconds, unit=size), one_euro(shape, state.shape, within, seconds)
    )
    return new, _place(new.motion.value, new.shape.value)


def _place(motion: F64, shape: F64) -> F32:
    a, b, x, y = motion
    linear = np.array([[a, -b], [b, a]])
    return np.asarray(shape @ linear.T + (x, y), np.float32)
