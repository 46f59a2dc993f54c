"""How much a marked picture was resized, from the distance at which its faint tile repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facesdk.ops.tile_mark import TILE_SIDE
from facesdk.types import F32

LEAST_SCALE, MOST_SCALE = 0.45, 1.6
CANDIDATES = 5
_MOST_SIDE = 1024
_STEP_PX = 0.04
# Repeats along a row and a column, in tiles: far ones say the distance more exactly, near ones are surer.
_REPEATS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 1), (1, 2), (2, -1), (1, -2), (0, 3), (3, 0))


def likely_scales(residuals: Sequence[F32]) -> list[float]:
    """Scales at which the picture repeats itself most, best first.

    Args:
        residuals: (H, W) each, all of one size.

    Returns:
        At most CANDIDATES, size of the picture over its size when it was marked; none for tiny pictures.
    """
    height, width = (min(side, _MOST_SIDE) for side in residuals[0].shape)
    if min(height, width) < 2.5 * TILE_SIDE * LEAST_SCALE:
        return []
    # Twice the size, so that what leaves on one side does not come in on the other.
    shape = 2 * height, 2 * width
    power = np.zeros((shape[0], shape[1] // 2 + 1))
    for values in residuals:
        top, left = (values.shape[0] - height) // 2, (values.shape[1] - width) // 2
        power += np.abs(np.fft.rfft2(values[top : top + height, left : left + width], shape)) ** 2
    agreement = np.fft.irfft2(power, shape)
    distances = np.arange(TILE_SIDE * LEAST_SCALE, TILE_SIDE * MOST_SCALE, _STEP_PX)
    score = np.zeros(len(distances))
    for down, right in _REPEATS:
        rows, columns = down * distances, right * distances
        # The fewer pixels overlap, the less a sum says: each is divided by its own standard deviation.
        overlap = (height - np.abs(rows)) * (width - np.abs(columns))
        inside = (np.abs(rows) < height - 16) & (np.abs(columns) < width - 16)
        score += np.where(inside, _between(agreement, rows, columns) / np.sqrt(np.maximum(overlap, 1.0)), 0.0)
    scales = []
    reach = round(0.6 / _STEP_PX)
    for _ in range(CANDIDATES):
        best = int(score.argmax())
        scales.append(float(distances[best]) / TILE_SIDE)
        score[max(0, best - reach) : best + reach + 1] = -np.inf
    return scales


def _between(
    values: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bilinear samples of a plane that goes on at its other side."""
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    height, width = values.shape
    out = np.zeros(len(rows))
    for y, weight_y in ((0, 1 - down), (1, down)):
        for x, weight_x in ((0, 1 - right), (1, right)):
            out += weight_y * weight_x * values[(top + y) % height, (left + x) % width]
    return out
