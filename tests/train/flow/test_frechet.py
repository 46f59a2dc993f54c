from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from facesdk.errors import InputError
from train.flow.frechet import FrechetReference, gaussian


def _exactly(mean: NDArray[np.floating], covariance: NDArray[np.floating], seed: int = 0) -> NDArray[np.float64]:
    """Features whose mean and covariance are these ones to rounding, not in expectation only."""
    raw = np.random.default_rng(seed).normal(size=(50, len(mean)))
    raw -= raw.mean(0)
    whiten = np.linalg.cholesky(np.linalg.inv(raw.T @ raw / 49))
    return raw @ whiten @ np.linalg.cholesky(covariance).T + mean


def test_two_gaussians_with_diagonal_covariances() -> None:
    one = _exactly(np.array([0.0, 1, 2]), np.diag([1.0, 4, 9]))
    other = _exactly(np.array([3.0, 1, -2]), np.diag([4.0, 4, 1]), 1)
    # |m|^2 = 9 + 16, and of each axis the square of the difference of the deviations: 1, 0, 4.
    assert FrechetReference(one).distance(other) == pytest.approx(25 + 1 + 0 + 4)
    assert FrechetReference(other).distance(one) == pytest.approx(30)


def test_general_covariances_as_with_a_matrix_root() -> None:
    rng = np.random.default_rng(2)
    a, b = (m @ m.T + np.eye(6) for m in rng.normal(size=(2, 6, 6)))
    one, other = _exactly(np.zeros(6), a), _exactly(np.ones(6), b, 1)
    wanted = 6 + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert FrechetReference(one).distance(other) == pytest.approx(wanted)


def test_equal_sets_are_at_distance_zero_also_where_covariances_are_singular() -> None:
    # 20 pictures in 100 numbers: a covariance of rank 19, where a general matrix root breaks down.
    features = np.random.default_rng(3).normal(size=(20, 100)).astype(np.float32)
    reference = FrechetReference(features)
    assert abs(reference.distance(features[::-1])) < 1e-6
    assert reference.distance(features + 2) == pytest.approx(400, rel=1e-5)


def test_it_grows_with_what_is_wrong() -> None:
    rng = np.random.default_rng(4)
    reference = FrechetReference(rng.normal(size=(4000, 8)))
    shift = [reference.distance(rng.normal(size=(4000, 8)) + by) for by in (0, 0.2, 0.4)]
    spread = [reference.distance(rng.normal(size=(4000, 8)) * by) for by in (1, 0.7, 0.4)]
    assert shift == sorted(shift) and spread == sorted(spread) and shift[0] < 0.05


def test_mean_and_covariance() -> None:
    features = np.random.default_rng(5).normal(size=(30, 4))
    mean, covariance = gaussian(features)
    assert np.allclose(mean, features.mean(0)) and np.allclose(covariance, np.cov(features.T))
    with pytest.raises(InputError, match="N >= 2"):
        gaussian(features[:1])
