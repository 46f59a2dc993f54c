"""Limits: what is known corrects, what is not known does not, and nobody is corrected by having been seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.quality.limits import Knowledge, corrected, measure_limits
from facesdk.errors import InputError
from facesdk.pack import open_pack
from tests.train.recipes.test_recipes import arrays
from train.evaluate import normalised_error

PEOPLE, EACH = 150, 4


def _knowledge() -> Knowledge:
    """Swaps that miss the exact one by a map of what is true of the person."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(PEOPLE, 6)).repeat(EACH, 0)
    wanted = rng.uniform(40, 90, (1, 68, 2)) + rng.normal(0, 0.5, (PEOPLE * EACH, 68, 2))
    wanted[:, 36:42], wanted[:, 42:48] = (45.0, 50.0), (80.0, 50.0)
    missed = (true @ rng.normal(size=(6, 136))).reshape(-1, 68, 2)
    nothing = np.zeros((len(true), 1))
    identity = np.arange(PEOPLE).repeat(EACH)
    return Knowledge(wanted - missed, wanted, wanted, identity, nothing, nothing, nothing, true)


def test_the_truth_corrects_and_noise_does_not() -> None:
    known = _knowledge()
    missed = normalised_error(known.swapped, known.wanted).mean()
    assert corrected(known, [known.true]) < 0.1 * missed
    half = corrected(known, [known.true[:, :3]])
    assert 0.5 * missed < half < 0.85 * missed
    noise = np.random.default_rng(1).normal(size=(len(known.identity), 6))
    assert corrected(known, [noise]) == pytest.approx(missed, rel=0.03)


def test_who_was_fitted_is_not_judged() -> None:
    known = _knowledge()
    missed = normalised_error(known.swapped, known.wanted).mean()
    names = np.eye(PEOPLE)[known.identity]
    # A column for each person corrects all four pictures, if one of them was seen.
    assert corrected(known, [names]) > 0.95 * missed
    strangers = replace(known, identity=np.arange(len(known.identity)))
    assert corrected(strangers, [names]) < 0.9 * missed


def test_a_pack_is_measured_on_pictures_of_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "swap-validation-00000.npz", **arrays(128, groups=8))
    pack = open_pack("nano")

    def judge(pictures: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        return pictures[:, ::16, ::16].reshape(len(pictures), -1).astype(np.float32)

    report = measure_limits(pack, tmp_path, judge, pairs=20)
    led = {"shape", "shape_code"} <= set(pack.manifest.families["style_swap"].graphs)
    assert len(report.figures) == 6 + led and all(f.value is not None and f.value > 0 for f in report.figures)
    assert report.settings["pack_version"] == pack.manifest.version
    with pytest.raises(InputError, match="at least 20 expected"):
        measure_limits(pack, tmp_path, judge, pairs=5)
