from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from bench.quality.generator import coverage
from bench.quality.generator.coverage import (
    mean_distance,
    memorisation,
    neighbour_distance,
    precision_recall,
    within,
)

# 1, 1, 2 and 4 apart: the second neighbours of the points are 2, 1, 2, 3 and 6 away.
LINE = np.array([[0.0], [1], [2], [4], [8]])


def test_neighbours_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "ROWS", 2)
    assert neighbour_distance(LINE, LINE, 1, same=True) == pytest.approx([1, 1, 1, 2, 4])
    assert neighbour_distance(LINE, LINE, 2, same=True) == pytest.approx([2, 1, 2, 3, 6])
    assert neighbour_distance(np.array([[3.0], [9]]), LINE) == pytest.approx([1, 1])
    assert neighbour_distance(np.array([[3.5], [9]]), LINE, 2) == pytest.approx([1.5, 5])


def test_distances_are_exact_far_from_the_origin() -> None:
    rng = np.random.default_rng(0)
    points, others = 1000 + rng.normal(size=(40, 16)), 1000 + rng.normal(size=(60, 16))
    assert np.allclose(neighbour_distance(points, others, 3), np.sort(cdist(points, others), axis=1)[:, 2])


def test_precision_and_recall_of_known_sets() -> None:
    real = LINE
    # Within the balls of the second neighbours lies [-2, 14]: 4 of 5 samples.
    samples = np.array([[-1.0], [0.5], [10], [14], [15]])
    assert within(samples, real, neighbour_distance(real, real, 2, same=True)) == pytest.approx(0.8)
    # The samples' balls: 11.0, 9.5, 5, 4, 5 about them reach from -12 to 20: every real picture.
    found = precision_recall(real, samples, 2)
    assert (found.precision, found.recall) == (pytest.approx(0.8), 1)


def test_equal_sets_cover_each_other_and_far_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    one = rng.normal(size=(60, 3))
    assert precision_recall(one, one[::-1]) == coverage.Coverage(1, 1)
    assert precision_recall(one, one + 100) == coverage.Coverage(0, 0)
    radii = neighbour_distance(one, one, 3, same=True)
    assert precision_recall(one, one + 0.5, 3, radii) == precision_recall(one, one + 0.5)


def test_a_generator_that_lost_its_variety_has_precision_and_no_recall() -> None:
    rng = np.random.default_rng(2)
    real, samples = rng.normal(size=(400, 2)), 0.1 * rng.normal(size=(400, 2))
    found = precision_recall(real, samples)
    assert found.precision > 0.95 and found.recall < 0.2


def test_mean_distance_of_a_triangle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "ROWS", 2)
    assert mean_distance(np.array([[0.0, 0], [3, 0], [0, 4]])) == pytest.approx(4)


def test_copies_are_seen() -> None:
    rng = np.random.default_rng(3)
    training, test, new = (rng.normal(size=(n, 8)) for n in (500, 300, 300))
    unseen = neighbour_distance(test, training)

    def compare(samples: np.ndarray) -> coverage.Memorisation:
        return memorisation(neighbour_distance(samples, training), unseen)

    fair, copies = compare(new), compare(training[:300] + 0.01 * rng.normal(size=(300, 8)))
    assert fair.ratio == pytest.approx(1, abs=0.1) and fair.nearer < 0.05
    assert copies.ratio < 0.05 and copies.nearer == 1
    # One copy in ten moves no median.
    mixed = compare(np.concatenate([training[:30], new[:270]]))
    assert mixed.ratio > 0.8 and mixed.nearer == pytest.approx(0.1, abs=0.03)
