"""Hostile pictures: the corpus replayed, and a sample of mutants in a process whose death would be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import features

from bench.trust.hostile_images import bombs, corpus, mutants, seeds
from bench.trust.watched import watch
from facesdk.errors import MediaError
from facesdk.media.image import load_image

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(CORPUS.glob("*.bin"))
MUTANTS = 60


def test_the_corpus_is_there_and_small() -> None:
    assert {path.name for path in FILES} == set(corpus()) and sum(path.stat().st_size for path in FILES) < 400_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_replay(path: Path) -> None:
    try:
        image = load_image(path)
    except MediaError as error:
        assert error.cure
    else:
        assert not path.name.startswith("bomb") and image.dtype == np.uint8 and image.shape[2] == 3


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_mutants_crash_nothing_and_give_one_kind_of_error() -> None:
    rng = np.random.default_rng(1)
    files = [data for seed in seeds().values() for data in mutants(seed, MUTANTS, rng)]
    outcomes = watch("bench.trust.decode_child", files)
    assert len(outcomes) == len(files) == 8 * MUTANTS
    assert {outcome.what for outcome in outcomes} == {"picture", "refused"}


def test_bombs_take_no_memory_worth_the_name() -> None:
    named = bombs()
    assert len(named) == 12
    outcomes = watch("bench.trust.decode_child", list(named.values()))
    assert [outcome.what for outcome in outcomes] == ["refused"] * 12
    assert max(outcome.peak_mib for outcome in outcomes) < 150


def test_a_dying_and_a_hanging_child_are_counted() -> None:
    # No such module: the child dies at once, each time.
    assert [outcome.what for outcome in watch("bench.no_such_module", [b"a", b"b"])] == ["died", "died"]
