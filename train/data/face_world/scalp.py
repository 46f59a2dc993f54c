"""The scalp: where hair may grow, and a map of the skull that hair slides over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from train.data.face_world.types import F32, Hair

# azimuth about the vertical axis through AXIS_Z, 0 = front, pi = back; the hairline's height there
AXIS_Z = -1.12
_AZIMUTH = np.array([0, 0.42, 0.72, 0.95, 1.17, 1.36, 1.6, 1.9, 2.3, 3.2], np.float32)
_FRONT_Y = 1.19  # of the hairline in the middle of the forehead
_SIDE_Y = np.array([0.31, -0.01, 0.18, -0.07, -0.79, -1.22], np.float32)
_TEMPLE_DROP = 0.367
SKULL_CENTRE = np.array([0.0, 0.168, -1.118], np.float32)
SKULL_MAP_HW = (64, 96)


def hairline(hair: Hair) -> tuple[F32, F32]:
    """The hairline as height over azimuth, canonical units.

    Args:
        hair: style and hairline are read.

    Returns:
        azimuth (10,) float32 radians, 0 front .. pi back; height (10,) float32.
    """
    receding = hair.style == "receding"
    front = _FRONT_Y + 0.144 * hair.hairline * (0.6 if hair.hairline < 0 else 0.8) + 0.19 * receding
    temple = front - _TEMPLE_DROP + 0.24 * receding
    forehead = [front, front - 0.016, temple + 0.096, temple - 0.256]
    height = np.concatenate([np.array(forehead, np.float32), _SIDE_Y])
    if receding:
        height[1:3] += 0.13
    return _AZIMUTH, height


def azimuth(canonical: F32) -> F32:
    """Angle about the vertical axis of the head, 0 front .. pi back, both sides alike.

    Args:
        canonical: (..., 3) float32.

    Returns:
        (...) float32 radians.
    """
    return np.arctan2(np.abs(canonical[..., 0]), canonical[..., 2] - AXIS_Z).astype(np.float32)


def above_hairline(hair: Hair, canonical: F32) -> F32:
    """Height over the hairline; positive where hair may grow (ears are not taken out).

    Args:
        hair: style and hairline are read.
        canonical: (..., 3) float32.

    Returns:
        (...) float32, interocular units.
    """
    angles, heights = hairline(hair)
    return (canonical[..., 1] - np.interp(azimuth(canonical), angles, heights)).astype(np.float32)


@njit(cache=True, nogil=True)
def interpolate_knots(x, knots, values):  # type: ignore[no-untyped-def]
    """np.interp of one value, for use inside kernels."""
    if x <= knots[0]:
        return values[0]
    for i in range(1, len(knots)):
        if x < knots[i]:
            return values[i - 1] + (values[i] - values[i - 1]) * (x - knots[i - 1]) / (knots[i] - knots[i - 1])
    return values[-1]


@dataclass(frozen=True)
class SkullMap:
    """Radius of the head around a centre, by direction; ears are taken out.

    Attributes:
        centre: (3,) float32 head space.
        radius: (64, 96) float32; rows polar angle from +y, columns azimuth from -z through -x, +z, +x.
    """

    centre: F32
    radius: F32


def skull_map(vertices: F32, mean_vertices: F32, scalp_vertices: np.ndarray) -> SkullMap:
    """Measure a person's head.

    Args:
        vertices: (V, 3) float32 neutral head.
        mean_vertices: (V, 3) float32 mean head, tells how far this head's centre lies from the mean's.
        scalp_vertices: (N,) int indices of skin vertices without ears and neck.
    """
    own = vertices[scalp_vertices]
    centre = SKULL_CENTRE + (own.mean(0) - mean_vertices[scalp_vertices].mean(0))
    offset = own - centre
    radius = np.linalg.norm(offset, axis=1)
    rows, columns = SKULL_MAP_HW
    polar = np.arccos(np.clip(offset[:, 1] / radius, -1, 1))
    row = np.clip((polar / np.pi * rows).astype(int), 0, rows - 1)
    column = ((np.arctan2(offset[:, 0], offset[:, 2]) + np.pi) / (2 * np.pi) * columns).astype(int) % columns
    farthest = np.zeros(SKULL_MAP_HW, np.float32)
    np.maximum.at(farthest, (row, column), radius)
    filled = gaussian_filter(farthest, 1.3, mode=("nearest", "wrap"))
    weight = gaussian_filter((farthest > 0).astype(np.float32), 1.3, mode=("nearest", "wrap"))
    return SkullMap(centre.astype(np.float32), (filled / np.maximum(weight, 1e-3)).astype(np.float32))


@njit(cache=True, nogil=True, fastmath=True)
def skull_radius(radius_map, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Bilinear radius of the skull in the direction (dx, dy, dz), any length."""
    rows, columns = radius_map.shape
    length = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
    y = np.arccos(min(max(dy / length, -1.0), 1.0)) / np.pi * rows - 0.5
    x = (np.arctan2(dx, dz) + np.pi) / (2 * np.pi) * columns - 0.5
    y = min(max(y, 0.0), rows - 1.001)
    row, column = int(y), int(np.floor(x))
    fy, fx = y - row, x - column
    left, right = column % columns, (column + 1) % columns
    upper = radius_map[row, left] * (1 - fx) + radius_map[row, right] * fx
    lower = radius_map[row + 1, left] * (1 - fx) + radius_map[row + 1, right] * fx
    return upper * (1 - fy) + lower * fy
