"""Do samples lie where real pictures lie, all over there, and not on top of those that training showed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Features = NDArray[np.floating]
NEIGHBOURS = 3
ROWS = 1000  # of a distance matrix at a time
NEAR_SHARE = 0.01  # of the test pictures: what lies nearer to training than these counts as too near


@dataclass(frozen=True)
class Coverage:
    """Two shares.

    Attributes:
        precision: share of the samples that lie within the real pictures.
        recall: share of the real pictures that lie within the samples.
    """

    precision: float
    recall: float


@dataclass(frozen=True)
class Memorisation:
    """How near samples come to training pictures, beside how near unseen real pictures come.

    Attributes:
        ratio: median distance of a sample to its nearest training picture over that of a test picture.
        nearer: share of the samples that are nearer to one than the nearest hundredth of the test pictures; a
            generator that copies has much more than 0.01.
    """

    ratio: float
    nearer: float


def precision_recall(
    real: Features, samples: Features, neighbours: int = NEIGHBOURS, radii: F64 | None = None
) -> Coverage:
    """Precision and recall of samples, each set being the union of balls that reach to a point's k-th neighbour.

    Args:
        real: (N, F).
        samples: (M, F).
        neighbours: k.
        radii: (N,) distance of each real picture to its k-th neighbour, where it is known already.

    Source: Kynkaanniemi et al. 2019 (arXiv:1904.06991), eqs. 1 and 2.
    """
    to_real = neighbour_distance(real, real, neighbours, same=True) if radii is None else radii
    to_samples = neighbour_distance(samples, samples, neighbours, same=True)
    return Coverage(within(samples, real, to_real), within(real, samples, to_samples))


def within(points: Features, centres: Features, radii: F64) -> float:
    """Share of the points that lie in a ball; points (N, F), centres (M, F), radii (M,)."""
    inside = [(block <= radii).any(1) for block in _distances(points, centres)]
    return float(np.concatenate(inside).mean())


def neighbour_distance(points: Features, others: Features, rank: int = 1, same: bool = False) -> F64:
    """Distance of each point to its k-th nearest other, (N,).

    Args:
        points: (N, F).
        others: (M, F).
        rank: k, from 1.
        same: both are one set, in which a point is no neighbour of itself.
    """
    at = rank if same else rank - 1
    return np.concatenate([np.partition(block, at, axis=1)[:, at] for block in _distances(points, others)])


def mean_distance(points: Features) -> float:
    """Mean distance of two different points of (N, F)."""
    count = len(points)
    total = sum(float(block.sum()) for block in _distances(points, points))
    return total / (count * (count - 1))


def memorisation(samples: F64, unseen: F64) -> Memorisation:
    """Compares distances to the nearest training picture, of samples (N,) and of unseen real pictures (M,)."""
    near = float(np.quantile(unseen, NEAR_SHARE))
    return Memorisation(float(np.median(samples) / np.median(unseen)), float((samples < near).mean()))


def _distances(points: Features, others: Features) -> Iterator[F64]:
    """Blocks of rows of the distance matrix; float64, since a small distance is the difference of two large squares."""
    centre = others.mean(0, dtype=np.float64)
    far = others - centre
    squares = (far**2).sum(1)
    for start in range(0, len(points), ROWS):
        near = points[start : start + ROWS] - centre
        yield np.sqrt(np.maximum((near**2).sum(1)[:, None] + squares - 2.0 * near @ far.T, 0.0))
