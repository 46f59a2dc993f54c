"""Principal components of small pictures: where the generator's linear part starts, and a floor that it must beat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Principal:
    """A linear code of pictures.

    Attributes:
        mean: (P,) mean picture in [-1, 1], flattened as (3, side, side).
        directions: (P, K) orthonormal, the largest variance first.
        variance: (K,) of the coordinates along them.
        side: of the small pictures.
    """

    mean: F32
    directions: F32
    variance: F32
    side: int


def shrink(images: NDArray[np.uint8], side: int) -> F32:
    """Pictures at `side` pixels by averaging: (N, S, S, 3) uint8 to (N, 3 * side * side) float32 in [-1, 1]."""
    small = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images])
    return (small.transpose(0, 3, 1, 2).reshape(len(images), -1) / 127.5 - 1.0).astype(np.float32)


def principal_components(images: NDArray[np.uint8], count: int, side: int) -> Principal:
    """The `count` directions that keep most of the pictures' variance.

    Args:
        images: (N, S, S, 3) uint8.
        count: directions, at most min(N, 3 * side**2).
        side: pictures are averaged down to it first.
    """
    rows = shrink(images, side)
    mean = rows.mean(0)
    rows = rows - mean
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return Principal(mean, np.ascontiguousarray(vectors[:, ::-1][:, :count]), values[::-1][:count].copy(), side)


def water_level(variance: F32, nats: float) -> float:
    """Noise variance that every coordinate gets when a Gaussian source is coded at `nats` a coordinate on average.

    Args:
        variance: (K,) of the coordinates.
        nats: mean rate.

    Source: Cover and Thomas, Elements of Information Theory, theorem 10.3.3 (reverse water-filling).
    """
    low, high = 1e-12, float(variance.max())
    for _ in range(200):
        level = np.sqrt(low * high)
        rate = 0.5 * np.log(np.maximum(variance / level, 1.0)).mean()
        low, high = (level, high) if rate > nats else (low, level)
    return float(np.sqrt(low * high))
