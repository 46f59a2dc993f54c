from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.quality.generator.training import TrainingPictures
from facesdk.errors import InputError
from tests.bench.quality.generator.conftest import TRAIN_PICTURES
from train.data.face_world.shards import load_shards
from train.data.portrait_data import before_backdrop


def test_reading_keeps_the_order_that_was_asked_for(train_folder: Path) -> None:
    training = TrainingPictures([train_folder])
    whole = np.concatenate(list(training.blocks()))
    assert len(training) == len(whole) == TRAIN_PICTURES and training.shards == 2
    rows = np.array([20, 3, 31, 3, 0])
    assert np.array_equal(training.read(rows), whole[rows])
    stored = load_shards(train_folder, "swap", "train")
    exact = before_backdrop(stored["rgb"][20], stored["parts"][20], np.random.default_rng([0, 20]))
    assert np.array_equal(whole[20], exact)


def test_halves_share_no_person(train_folder: Path) -> None:
    training = TrainingPictures([train_folder])
    one, other = training.halves(8)
    assert len(set(one)) == len(set(other)) == 8
    people = set(training.identity[one]), set(training.identity[other])
    assert not people[0] & people[1]
    # Both halves have people of odd and of even numbers, of which the judge knows one kind.
    assert all(len({number % 2 for number in half}) == 2 for half in people)
    with pytest.raises(InputError, match=r"--samples 1\d"):
        training.halves(17)


def test_spread_is_a_draw_without_repeats(train_folder: Path) -> None:
    training = TrainingPictures([train_folder])
    some = training.spread(10)
    assert len(set(some)) == 10 and list(some) == sorted(some) and some.max() > 15
    assert list(training.spread(999)) == list(range(TRAIN_PICTURES))


def test_folders_are_told_apart(train_folder: Path, tmp_path: Path) -> None:
    both = TrainingPictures([train_folder, train_folder])
    assert len(both) == 2 * TRAIN_PICTURES
    assert both.description != TrainingPictures([train_folder]).description
    with pytest.raises(InputError, match="--train"):
        TrainingPictures([])
    with pytest.raises(InputError, match="no swap-train shards"):
        TrainingPictures([tmp_path])
