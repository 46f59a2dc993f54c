from __future__ import annotations

from dataclasses import replace

import pytest

from bench.quality.likeness import Readings, likeness_figures
from bench.quality.scores import Scores
from bench.report import Figure

BASE = Scores(15.0, 15.0, 0.0, 0.0, 0.1, 0.9, 0.12, 3.0)
EXACT = Scores(60.0, 60.0, 0.8, 1.0, 1.0, 0.0, 0.0, 4.0)
GOOD = Scores(22.0, 22.0, 0.4, 0.7, 0.6, 0.1, 0.04, 2.0)
READ = Readings({"swap": 0.3, "exact": 0.5}, 2.0, 0.1)


def _figures(swap: Scores, exact: Scores = EXACT, read: Readings = READ) -> list[Figure]:
    scores = {"swap": swap, "unchanged": BASE, "recoloured": replace(BASE, psnr_hull=19.0), "exact": exact}
    return likeness_figures(scores, read, 0.99)


def test_a_good_swap_reaches_all_musts() -> None:
    figures = _figures(GOOD)
    assert [f.ok for f in figures if f.must is not None] == [True] * 10
    values = [f.value for f in figures]
    assert values[:5] == pytest.approx([7.0, 3.0, 0.7, 0.6, 0.6]) and values[5:9] == [0.04, 2.0, 0.1, 0.5]


def test_a_recolouring_is_not_above_itself() -> None:
    assert _figures(replace(GOOD, psnr_hull=19.0))[1].ok is False


def test_a_judge_that_knows_nothing_measures_nothing() -> None:
    figures = _figures(GOOD, replace(EXACT, top5=0.0, top5_tone=0.0), Readings({"swap": 0.3, "exact": -0.1}))
    assert [f.value for f in figures[2:5]] == [None] * 3 and [f.ok for f in figures[6:8]] == [False, False]


def test_without_a_reader_the_shape_is_not_measured() -> None:
    figures = _figures(GOOD, read=Readings({}))
    assert figures[4].value is None and figures[4].ok is False
    assert not any(f.name.startswith("correlation") for f in figures)
