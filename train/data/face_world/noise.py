"""Noise over a surface: functions of the 3-D position, so that seams of the atlas do not show."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from train.data.face_world.types import F32, I32


def value_noise(positions: F32, frequency: float, seed: int) -> F32:
    """Smooth random field of the 3-D position.

    Args:
        positions: (H, W, 3) float32, interocular units.
        frequency: lattice cells per unit.
        seed: of the lattice values.

    Returns:
        (H, W) float32, zero mean and unit variance over the array.
    """
    field = _value_noise(np.ascontiguousarray(positions.reshape(-1, 3)), np.float32(frequency), np.int64(seed))
    field = (field - field.mean()) / field.std()
    return field.reshape(positions.shape[:-1]).astype(np.float32)


def fine_noise(size_hw: tuple[int, int], sigma_texels: float, seed: int) -> F32:
    """Blurred white noise in texel space: pores, finer than a lattice in space could be sampled.

    Returns:
        (H, W) float32, zero mean and unit variance.
    """
    white = np.random.default_rng(seed).standard_normal(size_hw).astype(np.float32)
    field = cv2.GaussianBlur(white, (0, 0), sigma_texels)
    return ((field - field.mean()) / field.std()).astype(np.float32)


def spot_cells(positions: F32, frequency: float, seed: int) -> tuple[F32, I32]:
    """Distance to the nearest of one random point per lattice cell, and that cell's hash.

    A person's freckles are the cells whose hash, mixed with the person's seed, falls under a density.

    Args:
        positions: (H, W, 3) float32, interocular units.
        frequency: cells per unit.
        seed: of the points.

    Returns:
        distance (H, W) float32 in cell widths; cell (H, W) int32 >= 0.

    Source: S. Worley, "A cellular texture basis function", SIGGRAPH 1996.
    """
    flat = np.ascontiguousarray(positions.reshape(-1, 3))
    distance, cell = _spot_cells(flat, np.float32(frequency), np.int64(seed))
    return distance.reshape(positions.shape[:-1]), cell.reshape(positions.shape[:-1])


@njit(cache=True, nogil=True)
def hash_cell(i, j, k, seed):  # type: ignore[no-untyped-def]
    """31 random-looking bits of four integers."""
    h = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791) ^ (seed * 2654435761)
    h = (h ^ (h >> 15)) * 2246822519 & 0xFFFFFFFF
    h = (h ^ (h >> 13)) * 3266489917 & 0xFFFFFFFF
    return (h ^ (h >> 16)) & 0x7FFFFFFF


@njit(cache=True, nogil=True)
def _value_noise(points, frequency, seed):  # type: ignore[no-untyped-def]
    out = np.empty(len(points), np.float32)
    for n in range(len(points)):
        x, y, z = points[n, 0] * frequency, points[n, 1] * frequency, points[n, 2] * frequency
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        fx, fy, fz = x - i, y - j, z - k
        fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
        total = 0.0
        for a in range(2):
            for b in range(2):
                for c in range(2):
                    weight = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
                    total += weight * hash_cell(i + a, j + b, k + c, seed) / 2147483648.0
        out[n] = total
    return out


@njit(cache=True, nogil=True)
def _spot_cells(points, frequency, seed):  # type: ignore[no-untyped-def]
    distance = np.empty(len(points), np.float32)
    cell = np.empty(len(points), np.int32)
    for n in range(len(points)):
        x, y, z = points[n, 0] * frequency, points[n, 1] * frequency, points[n, 2] * frequency
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        nearest, owner = 1e9, 0
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    h = hash_cell(i + a, j + b, k + c, seed)
                    dx = i + a + (h & 1023) / 1023.0 - x
                    dy = j + b + ((h >> 10) & 1023) / 1023.0 - y
                    dz = k + c + ((h >> 20) & 1023) / 1023.0 - z
                    squared = dx * dx + dy * dy + dz * dz
                    if squared < nearest:
                        nearest, owner = squared, h
        distance[n] = np.sqrt(nearest)
        cell[n] = owner
    return distance, cell
