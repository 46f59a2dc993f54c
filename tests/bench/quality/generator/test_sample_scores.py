from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.generator.coverage import neighbour_distance
from bench.quality.generator.sample_scores import SampleScorer

F32 = NDArray[np.float32]


def _draw(count: int, seed: int, shift: float = 0.0, spread: float = 1.0) -> F32:
    return (spread * np.random.default_rng(seed).normal(size=(count, 4)) + shift).astype(np.float32)


def _scorer() -> SampleScorer:
    training = np.concatenate([_draw(300, 0), _draw(300, 1)])
    unseen = neighbour_distance(_draw(200, 2), training)
    return SampleScorer(training[:300], _draw(300, 1, shift=0.5), training[300:], training, unseen)


def test_the_floor_is_that_of_the_reconstructions() -> None:
    scorer = _scorer()
    # Half a unit off in each of four numbers, and what 300 pictures leave to chance.
    assert scorer.floor == pytest.approx(1, abs=0.35) and scorer.real_to_real < 0.15
    same = scorer.score(_draw(300, 1, shift=0.5))
    assert same.ratio == pytest.approx(1) and same.excess_ratio == pytest.approx(1) and scorer.count == 300
    twice = scorer.score(_draw(300, 3, shift=1.0))
    assert twice.frechet == pytest.approx(4, abs=0.7) and twice.ratio == pytest.approx(twice.frechet / scorer.floor)
    assert twice.excess_ratio is not None and twice.excess_ratio > twice.ratio


def test_only_as_many_samples_as_real_pictures_count() -> None:
    scorer = _scorer()
    more = np.concatenate([_draw(300, 3), _draw(50, 4, shift=100)])
    assert scorer.score(more) == scorer.score(more[:300])


def test_diversity_and_coverage() -> None:
    scorer = _scorer()
    fresh, narrow = scorer.score(_draw(300, 5)), scorer.score(_draw(300, 5, spread=0.2))
    assert fresh.diversity == pytest.approx(1, abs=0.1) and narrow.diversity == pytest.approx(0.2, abs=0.03)
    assert fresh.precision > 0.8 and fresh.recall > 0.8 and narrow.recall < 0.3
    assert fresh.nearest == pytest.approx(1, abs=0.15) and fresh.too_near < 0.06


def test_copies_of_training_pictures_are_told() -> None:
    scores = _scorer().score(_draw(300, 0))
    assert scores.nearest < 0.01 and scores.too_near == 1


def test_no_excess_over_a_floor_of_nothing() -> None:
    real = _draw(300, 0)
    scorer = SampleScorer(real, real, _draw(300, 1), real, np.ones(50))
    assert scorer.score(_draw(300, 3)).excess_ratio is None
