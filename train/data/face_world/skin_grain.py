"""Skin finer than the atlas: one tile of pores and fine creases, laid over every face many times."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from train.data.face_world.atlas import Atlas
from train.data.face_world.types import F32

TILE = 256  # texels
TILE_UNITS = 0.5  # that the tile covers, interocular units
_PORE_UNITS = 0.016  # from one pore to the next: about a millimetre
_CREASE_UNITS = 0.05
_STEPS = 4  # of how much of the pores a picture shows


def grain_tile(footprint: float) -> F32:
    """The tile as a picture of a certain scale shows it: what is finer than its samples has faded into the mean.

    Args:
        footprint: interocular units from one sub-sample to the next.

    Returns:
        (TILE, TILE, 4) float32: slope along x and y, gloss factor, albedo factor; both means are 1.
    """
    pores, creases = (np.clip((w - 1.2 * footprint) / (0.7 * w), 0.0, 1.0) for w in (_PORE_UNITS, _CREASE_UNITS))
    return _tile(round(float(pores) * _STEPS), round(float(creases) * _STEPS))


@cache
def tile_repeats(atlas: Atlas) -> F32:
    """How often the tile is laid along u and v, whole numbers, (2,) float32."""
    face = atlas.covered & (atlas.masks["inside"] == 0) & (atlas.canonical[..., 2] > -0.3)
    steps = np.linalg.norm(atlas.uv_per_length[atlas.triangle[face]], axis=-1)
    per_unit = np.maximum(np.median(steps, axis=0), 1e-3)
    return np.maximum(np.rint(1.0 / (per_unit * TILE_UNITS)), 1.0).astype(np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def grain_at(tile: F32, x: float, y: float) -> tuple[float, float, float, float]:
    """Bilinear, wrapping; x and y in tiles."""
    size = tile.shape[0]
    fx, fy = (x - np.floor(x)) * size, (y - np.floor(y)) * size
    ix, iy = int(fx), int(fy)
    tx, ty = fx - ix, fy - iy
    ix, iy = ix % size, iy % size
    jx, jy = (ix + 1) % size, (iy + 1) % size
    a, b, c, d = (1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty
    return (
        a * tile[iy, ix, 0] + b * tile[iy, jx, 0] + c * tile[jy, ix, 0] + d * tile[jy, jx, 0],
        a * tile[iy, ix, 1] + b * tile[iy, jx, 1] + c * tile[jy, ix, 1] + d * tile[jy, jx, 1],
        a * tile[iy, ix, 2] + b * tile[iy, jx, 2] + c * tile[jy, ix, 2] + d * tile[jy, jx, 2],
        a * tile[iy, ix, 3] + b * tile[iy, jx, 3] + c * tile[jy, ix, 3] + d * tile[jy, jx, 3],
    )


@cache
def _tile(pore_steps: int, crease_steps: int) -> F32:
    pores, creases = _pores() * (pore_steps / _STEPS), _creases() * (crease_steps / _STEPS)
    height = 0.0009 * pores + 0.0006 * creases
    slope_x = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * (TILE / (2 * TILE_UNITS))
    slope_y = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * (TILE / (2 * TILE_UNITS))
    gloss = np.exp(0.45 * pores + 0.20 * creases)
    albedo = 1.0 + 0.030 * pores + 0.010 * creases
    planes = [slope_x, slope_y, gloss / gloss.mean(), albedo / albedo.mean()]
    return np.ascontiguousarray(np.stack(planes, -1), np.float32)


@cache
def _pores() -> F32:
    """Pits at jittered places, wrapping; zero mean, unit variance."""
    rng = np.random.default_rng(9101)
    across = round(TILE_UNITS / _PORE_UNITS)
    cell = TILE / across
    height = np.zeros((TILE, TILE))
    axis = np.arange(TILE)
    for i in range(across):
        for j in range(across):
            y, x = (np.array([i, j]) + 0.5 + rng.uniform(-0.4, 0.4, 2)) * cell
            radius = cell * rng.uniform(0.16, 0.34)
            rows = np.arange(int(y - 2 * cell), int(y + 2 * cell)) % TILE
            columns = np.arange(int(x - 2 * cell), int(x + 2 * cell)) % TILE
            dy = (axis[rows] - y + TILE / 2) % TILE - TILE / 2
            dx = (axis[columns] - x + TILE / 2) % TILE - TILE / 2
            pit = np.exp(-(dy[:, None] ** 2 + dx[None] ** 2) / (2 * radius**2)) * rng.uniform(0.4, 1.0)
            height[np.ix_(rows, columns)] -= pit
    return (height - height.mean()) / height.std()


@cache
def _creases() -> F32:
    """The net of fine lines between fields of skin: noise at two scales, ridged."""
    rng = np.random.default_rng(9102)
    texels = _CREASE_UNITS / TILE_UNITS * TILE
    field = sum(
        gaussian_filter(rng.standard_normal((TILE, TILE)), texels * s, mode="wrap") * texels * s for s in (0.35, 0.17)
    )
    field = field / field.std()
    ridged = -np.abs(field) + 0.5 * field
    return (ridged - ridged.mean()) / ridged.std()
