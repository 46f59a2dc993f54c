"""How far two clouds of points are apart, by mean and covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def frechet_distance(first: Array, second: Array) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), the squared Frechet distance of the normal distributions.

    Args:
        first: (N, D).
        second: (M, D).

    Returns:
        0 for equal moments; clouds of few points are apart for that reason alone, so compare at equal counts.

    Source: Dowson and Landau 1982, eq. 4 (doi:10.1016/0047-259X(82)90077-X).
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    shift = a.mean(0) - b.mean(0)
    one, other = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (a, b))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # The eigenvalues of C1 C2 are those of this symmetric product.
    mixed = np.sqrt(np.clip(np.linalg.eigvalsh(root @ other @ root), 0, None))
    return float(shift @ shift + np.trace(one) + np.trace(other) - 2 * mixed.sum())
