"""Swap pictures as a mirror shows them, with what is then true of them: every person is two."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS

POINTS = 68
# Jaw, both brows, bridge, bottom of the nose, the eyes, lips outside above and below, lips inside above and below.
_RUNS = (
    range(16, -1, -1), range(26, 16, -1), range(27, 31), range(35, 30, -1),
    range(45, 41, -1), (47, 46), range(39, 35, -1), (41, 40),
    range(54, 47, -1), range(59, 54, -1), range(64, 59, -1), range(67, 64, -1),
)  # fmt: skip
MIRROR_68 = np.array([point for run in _RUNS for point in run])
"""iBUG 68 under a mirror: where each point comes from."""
TURNED = ("yaw", "roll", "gaze_x", "key_direction_x", "rim_direction_x")


def mirrored_points(points: NDArray[np.floating], width: float) -> NDArray[np.float32]:
    """(..., 68, 2) points of a picture `width` wide, as they are named in its mirror image."""
    return (points[..., MIRROR_68, :] * np.float32([-1, 1]) + np.float32([width, 0])).astype(np.float32)


def mirrored_identity(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., K) identity vectors of the people in the mirror; the mean head, their zero, is symmetric."""
    return (vectors[..., _identity_order()] * _identity_signs()).astype(np.float32)


def mirrored_attributes(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., A) attribute vectors of what the mirror shows."""
    order, signs = _attribute_order()
    return (vectors[..., order] * signs).astype(np.float32)


@cache
def _identity_order() -> NDArray[np.int64]:
    landmarks = (3 * MIRROR_68[:, None] + np.arange(3)).reshape(-1)
    return np.concatenate([landmarks, np.arange(3 * POINTS, len(IDENTITY_FIELDS))])


@cache
def _identity_signs() -> NDArray[np.float32]:
    across = [name.startswith("landmark_") and name.endswith("_x") for name in IDENTITY_FIELDS]
    return np.where(across, -1, 1).astype(np.float32)


@cache
def _attribute_order() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    order = np.array([ATTRIBUTE_FIELDS.index(_other_side(name)) for name in ATTRIBUTE_FIELDS])
    return order, np.array([-1 if name in TURNED else 1 for name in ATTRIBUTE_FIELDS], np.float32)


def _other_side(name: str) -> str:
    return name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
