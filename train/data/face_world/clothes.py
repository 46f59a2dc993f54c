"""A shirt fitted over a person's own neck and shoulders, so that no skin shows through and the collar has an edge."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from train.data.face_world.canon import canonical_positions
from train.data.face_world.props import Prop, grid_triangles, prop_of, skin_vertices
from train.data.face_world.regions import NECK_Z, collar_height, smoothstep
from train.data.face_world.types import F32, HeadModel, Material

# a body from the base of the neck down: height, half width and half depth, canonical
_BODY_Y = (-5.6, -4.1, -3.6, -3.3, -3.05, -2.85, -2.68, -2.5, -2.35)
_BODY_WIDTH = (3.55, 3.55, 3.4, 3.15, 2.8, 2.35, 1.9, 1.45, 1.1)
_BODY_DEPTH = (1.75, 1.75, 1.70, 1.60, 1.48, 1.33, 1.18, 1.05, 0.95)
LOWEST_Y = -5.6
AROUND, _ROWS = 72, 36
_CELLS_HW = (28, 48)  # of the measured neck, over _MEASURED
_MEASURED = (-3.4, -2.0)
EASE = 0.06  # gap of skin and cloth
_SIDE_EASE = 0.6  # how much wider it is where the shoulders slope
_HEM = (
    (-0.03, 0.004),
    (0.0, 0.6),
    (-0.015, 1.0),
)  # height and share of the ease, from the inside of the collar outwards


def build_shirt(head: HeadModel, vertices: F32) -> Prop:
    """A shirt with a round collar.

    Args:
        head: topology and mean.
        vertices: (V, 3) float32 neutral head.
    """
    used, canonical_y = neck_vertices(head)
    neck = vertices[used]
    shift = float(np.median(neck[:, 1] - canonical_y))
    measured = measure_neck(neck, canonical_y)
    angle = np.linspace(-np.pi, np.pi, AROUND, endpoint=False)  # 0 = front, positive to +x
    top = collar_height(np.sin(angle), NECK_Z + np.cos(angle))
    gap = EASE * (1 + _SIDE_EASE * np.abs(np.sin(angle)))
    rows = []
    for height, ease in _HEM:
        y = top + height
        rows.append(ring(angle, y, skin_radius(measured, angle, y) + ease * gap))
    for share in np.linspace(0, 1, _ROWS)[1:] ** 1.7:
        y = (top - 0.02) * (1 - share) + LOWEST_Y * share
        radius = np.maximum(skin_radius(measured, angle, y) + gap, body_radius(angle, y))
        rows.append(ring(angle, y, radius))
    points = np.stack(rows)
    points[..., 1] += shift
    triangles = grid_triangles(len(rows), AROUND, True)
    return prop_of(points.reshape(-1, 3), triangles, Material.CLOTH)


@cache
def neck_vertices(head: HeadModel) -> tuple[F32, F32]:
    """Skin vertices near the collar and their canonical heights."""
    skin = skin_vertices(head)
    y = canonical_positions(head, head.mesh.vertices[skin])[:, 1]
    near = (y > _MEASURED[0] - 0.1) & (y < _MEASURED[1] + 0.1)
    return skin[near], y[near]


def measure_neck(neck: F32, canonical_y: F32) -> F32:
    """Radius of neck and shoulders about their axis, over height (downwards) and angle; 0 where nothing was found."""
    rows, columns = _CELLS_HW
    x, z = neck[:, 0], neck[:, 2] - NECK_Z
    row = (_MEASURED[1] - canonical_y) / (_MEASURED[1] - _MEASURED[0]) * rows
    column = ((np.arctan2(x, z) + np.pi) / (2 * np.pi) * columns).astype(int) % columns
    radius = np.hypot(x, z)
    farthest = np.zeros(_CELLS_HW, np.float32)
    np.maximum.at(farthest, (np.clip(row.astype(int), 0, rows - 1), column), radius)
    weight = gaussian_filter((farthest > 0).astype(np.float32), 1.0, mode=("nearest", "wrap"))
    smooth = gaussian_filter(farthest, 1.0, mode=("nearest", "wrap")) / np.maximum(weight, 1e-3)
    return np.where(weight > 0.02, np.maximum(smooth, farthest), 0.0).astype(np.float32)


def skin_radius(measured: F32, angle: F32, y: F32) -> F32:
    """Radius of the skin about the neck's axis by angle and canonical height, 0 where it was not measured."""
    rows, columns = _CELLS_HW
    v = np.clip((_MEASURED[1] - y) / (_MEASURED[1] - _MEASURED[0]) * rows - 0.5, 0, rows - 1.001)
    u = (angle + np.pi) / (2 * np.pi) * columns - 0.5
    row, column = v.astype(int), np.floor(u).astype(int)
    fv, fu = v - row, u - column
    left, right = column % columns, (column + 1) % columns
    upper = measured[row, left] * (1 - fu) + measured[row, right] * fu
    lower = measured[row + 1, left] * (1 - fu) + measured[row + 1, right] * fu
    inside = y > _MEASURED[0]
    return np.where(inside, upper * (1 - fv) + lower * fv, 0.0)


def body_radius(angle: F32, y: F32) -> F32:
    """Radius of a superellipse with the body's half width and depth; 0 above the base of the neck."""
    width, depth = np.interp(y, _BODY_Y, _BODY_WIDTH), np.interp(y, _BODY_Y, _BODY_DEPTH)
    power = 2.3
    across, forward = np.abs(np.sin(angle)) / width, np.abs(np.cos(angle)) / depth
    radius = (across**power + forward**power) ** (-1 / power)
    return radius * smoothstep(y, _BODY_Y[-1] + 0.1, _BODY_Y[-1] - 0.15)


def ring(angle: F32, y: F32, radius: F32) -> F32:
    """Points round the neck's axis, (..., 3)."""
    return np.stack([radius * np.sin(angle), y, NECK_Z + radius * np.cos(angle)], -1)
