"""Atlas coordinates of the own head's grid: even texels on the face, coarser ones behind, a gap where slits open."""

from __future__ import annotations

import numpy as np

from train.data.face_world.types import F32, I32

GRID_TILE = (0.004, 0.004, 0.80, 0.996)  # u0, v0, u1, v1
PART_TILES = {"ear right": (0.81, 0.52, 0.90, 0.78), "ear left": (0.905, 0.52, 0.995, 0.78)}
HIDDEN_TILE = (0.99, 0.01, 0.995, 0.015)  # parts that are shaded by material alone
SLIT_GAP = 0.018  # of the atlas' height between the edges of a slit, so that no texel belongs to both lips or both lids
_GAP_ROWS, _GAP_COLUMNS = 9, 3  # over which the neighbourhood makes room for it
_FACE = (0.65, -1.75)  # heights at the middle between which texels are dense
_FRONT_DEGREES = 55.0
_REST_DENSITY, _BACK_DENSITY = 0.5, 0.45
_FLOOR = 0.002  # interocular units a row is given at least


def row_coordinates(lines: F32) -> F32:
    """v of every row, from arc lengths down the face.

    Args:
        lines: (R, L, 3) mean points of some columns of the face; their arc lengths are averaged.

    Returns:
        (R,) float64, falling.
    """
    step = np.linalg.norm(np.diff(lines, axis=0), axis=2).mean(1)
    height = 0.5 * (lines[1:, :, 1] + lines[:-1, :, 1]).mean(1)
    step = np.minimum(step, 0.25) * np.where((height < _FACE[0]) & (height > _FACE[1]), 1.0, _REST_DENSITY) + _FLOOR
    way = np.concatenate([[0.0], np.cumsum(step)]) + 0.1  # room for the cap above the first row
    _, v0, _, v1 = GRID_TILE
    return v1 - (v1 - v0) * way / way[-1]


def column_coordinates(azimuths: F32) -> F32:
    """u of every column and of the first one again.

    Args:
        azimuths: (C,) radians from the front, rising from -pi to pi.

    Returns:
        (C + 1,) float64, rising.
    """
    closed = np.concatenate([azimuths, [azimuths[0] + 2.0 * np.pi]])
    step = np.diff(closed)
    step = step * np.where(np.abs(np.degrees(0.5 * (closed[1:] + closed[:-1]))) < _FRONT_DEGREES, 1.0, _BACK_DENSITY)
    way = np.concatenate([[0.0], np.cumsum(step)])
    return GRID_TILE[0] + (GRID_TILE[2] - GRID_TILE[0]) * way / way[-1]


def grid_uv(u: F32, v: F32, copies: I32) -> tuple[F32, F32]:
    """uv of the grid's corners, the apex and the lower edges of the slits.

    Args:
        u: (C + 1,) of the columns.
        v: (R,) of the rows.
        copies: (K, 2) row and column of each lower-edge vertex.

    Returns:
        (R (C + 1) + 1 + K, 2) float64 uv, and (R, C + 1) float64: how wide the gap at each corner's row and column is.
    """
    high = np.repeat(v[:, None], len(u), 1)
    gaps = np.zeros_like(high)
    columns = np.arange(len(u))
    for row in np.unique(copies[:, 0]):
        closed = np.setdiff1d(columns, copies[copies[:, 0] == row, 1])
        gaps[row] = SLIT_GAP * np.clip(np.abs(columns[:, None] - closed).min(1) / _GAP_COLUMNS, 0.0, 1.0)
        rows = np.arange(len(v)) - row
        room = np.clip(1.0 - np.abs(rows) / _GAP_ROWS, 0.0, 1.0) * np.where(rows <= 0, 0.5, -0.5)
        high = high + room[:, None] * gaps[row]
    corners = np.stack(np.broadcast_arrays(u[None], high), -1).reshape(-1, 2)
    apex = np.array([[0.5 * (u[0] + u[-1]), GRID_TILE[3]]])
    row, column = copies.T
    lower = np.stack([u[column], high[row, column] - gaps[row, column]], -1)
    return np.concatenate([corners, apex, lower]), gaps


def wall_uv(edge: F32, upper: bool, layers: int, gap: F32) -> F32:
    """uv of a slit's inner wall: each edge's wall takes its half of the gap.

    Args:
        edge: (N, 2) uv of the margin.
        upper: whether the wall hangs on the upper edge.
        layers: number of layers.
        gap: (N,) width of the gap.

    Returns:
        (layers, N, 2) float64.
    """
    share = (np.arange(layers) + 1.0)[:, None] / (2.0 * layers + 1.0) * gap
    return np.stack([np.broadcast_to(edge[:, 0], share.shape), edge[:, 1] + (-share if upper else share)], -1)
