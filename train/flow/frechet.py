"""Frechet distance of two sets of features, each taken for a Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh

from facesdk.errors import InputError

F64 = NDArray[np.float64]


class FrechetReference:
    """The Gaussian of a reference set, to which others are compared.

    Args:
        features: (N, F), N >= 2.

    Raises:
        InputError: fewer than two rows.
    """

    def __init__(self, features: NDArray[np.floating]) -> None:
        self.mean, covariance = gaussian(features)
        self.trace = float(np.trace(covariance))
        values, vectors = eigh(covariance)
        self._root = (vectors * _roots(values)) @ vectors.T

    def distance(self, features: NDArray[np.floating]) -> float:
        """Frechet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) to the Gaussian of (N, F) features, squared.

        C1 C2 is similar to the symmetric C1^1/2 C2 C1^1/2, so the trace of its root is the sum of the roots of that
        one's eigenvalues. Those are real and, but for rounding, not negative, also where a covariance is singular; a
        general matrix square root gives neither.

        Source: Dowson and Landau 1982 (doi.org/10.1016/0047-259X(82)90077-X), eq. 4.
        """
        mean, covariance = gaussian(features)
        values = eigvalsh(self._root @ covariance @ self._root)
        overlap = float(_roots(values).sum())
        apart = float(((mean - self.mean) ** 2).sum())
        return apart + self.trace + float(np.trace(covariance)) - 2.0 * overlap


def gaussian(features: NDArray[np.floating]) -> tuple[F64, F64]:
    """Mean (F,) and unbiased covariance (F, F) of (N, F) features.

    Raises:
        InputError: fewer than two rows.
    """
    if features.ndim != 2 or len(features) < 2:
        raise InputError(f"Frechet distance: (N, F) features with N >= 2 expected, got {features.shape}.")
    rows = features.astype(np.float64)
    mean = rows.mean(0)
    rows -= mean
    return mean, rows.T @ rows / (len(rows) - 1)


def _roots(values: F64) -> F64:
    """Square roots of eigenvalues; what is zero but for rounding is zero, since a root makes much of a little."""
    least = len(values) * np.finfo(np.float64).eps * max(float(values.max()), 0.0)
    return np.sqrt(np.where(values > least, values, 0.0))


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """As of `FrechetReference`, of (N, D) and (M, D); clouds of few points are apart for that reason alone."""
    return FrechetReference(second).distance(first)
