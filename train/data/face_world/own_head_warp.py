"""A person's proportions: a smooth warp of the own head's space; eyeballs only move and grow as a whole."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from train.data.face_world.own_head_canon import MOUTH_Y
from train.data.face_world.types import F32

WARPS: tuple[str, ...] = (
    "head width",
    "jaw taper",
    "lower face length",
    "upper face length",
    "mouth height",
    "nose base height",
    "eye tilt",
    "eye distance",
    "eye size",
    "mouth width",
    "lip fullness",
    "nose scale",
    "brow height",
    "profile",
    "face depth",
)
_MEAN_EYE_TILT = 0.045  # radians: the outer corner stands higher


@njit(cache=True, nogil=True, fastmath=True)
def _blob(a: float, b: float, half_a: float, half_b: float) -> float:
    return math.exp(-((a / half_a) ** 2) - (b / half_b) ** 2)


@njit(cache=True, nogil=True, fastmath=True)
def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, nogil=True, fastmath=True)
def _shift(x, y, z, w, mouth_y):  # type: ignore[no-untyped-def]
    """Offset of a point of the right half-space x >= 0 by all modes but the eyes' own."""
    front = _step(z, -0.9, -0.1)
    dx = x * (0.030 * w[0] + 0.034 * w[1] * (1.0 - 2.0 * _step(y, -1.4, 0.9)) * _step(y, -2.6, -1.7))
    dy = -0.040 * w[2] * _step(-y, 0.0, 1.6) * min(-y, 1.8) if y < 0.0 else 0.035 * w[3] * y * _step(y, 0.0, 0.8)
    dy += 0.036 * w[4] * _blob(x, y - mouth_y, 0.55, 0.30) * front
    dy += 0.038 * w[5] * _blob(x, y + 0.50, 0.30, 0.24) * front
    wide = 0.075 * w[9] * _blob(x, y - mouth_y, 0.50, 0.26) * front
    dx += x * wide
    dy += (y - mouth_y) * 0.15 * w[10] * _blob(x, y - mouth_y, 0.42, 0.20) * front
    grown = 0.075 * w[11] * _blob(x, y + 0.40, 0.30, 0.34) * front
    dx += x * grown
    dz = (z - 0.35) * grown
    dy += 0.038 * w[12] * _blob(x - 0.45, y - 0.42, 0.5, 0.20) * front
    dz += 0.036 * w[13] * math.sin(1.9 * (y + 0.45)) * _step(y, -2.2, -1.5) * _step(-y, -1.6, -0.9) * front
    dz += 0.036 * w[14] * (z + 0.6) * front
    return dx, dy, dz


@njit(cache=True, nogil=True, fastmath=True)
def _warp(points, w, tilt, mouth_y):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    cosine, sine = math.cos(tilt), math.sin(tilt)
    size = 0.045 * w[8]
    eye_dx, eye_dy, eye_dz = _shift(0.5, 0.0, 0.0, w, mouth_y)
    eye_dx += 0.028 * w[7]
    for i in range(points.shape[0]):
        side = 1.0 if points[i, 0] >= 0.0 else -1.0
        x, y, z = side * points[i, 0], points[i, 1], points[i, 2]
        dx, dy, dz = _shift(x, y, z, w, mouth_y)
        # near an eye everything follows the eyeball, so that lids stay on it
        from_x, far = x - 0.5, math.sqrt((x - 0.5) ** 2 + y * y + 0.6 * z * z)
        near = math.exp(-((far / 0.40) ** 8))
        around = math.exp(-((far / 0.46) ** 4))
        turned_x, turned_y = cosine * from_x - sine * y - from_x, sine * from_x + cosine * y - y
        dx += near * (eye_dx - dx) + around * (turned_x + size * from_x)
        dy += near * (eye_dy - dy) + around * (turned_y + size * y)
        dz += near * (eye_dz - dz) + around * size * z
        # mirrored halves meet in the middle
        out[i, 0] = side * (x + dx * min(1.0, x / 0.05))
        out[i, 1] = y + dy
        out[i, 2] = z + dz
    return out


def warp(points: F32, weights: F32) -> F32:
    """Moves points to a person's proportions.

    Args:
        points: (N, 3) canonical positions of the own head.
        weights: (len(WARPS),) standard deviations.

    Returns:
        (N, 3) float64.
    """
    weights = np.ascontiguousarray(weights, np.float64)
    tilt = _MEAN_EYE_TILT + 0.055 * float(weights[6])
    return _warp(np.ascontiguousarray(points, np.float64), weights, tilt, MOUTH_Y)


def eyeball_warp(centre: F32, weights: F32) -> tuple[F32, float]:
    """Where an eyeball's centre goes, and how much the ball grows.

    Args:
        centre: (3,) canonical centre.
        weights: (len(WARPS),) standard deviations.

    Returns:
        (3,) float64 new centre and the scale.
    """
    return warp(centre[None], weights)[0], 1.0 + 0.045 * float(weights[8])
