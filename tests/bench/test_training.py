from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import bench.__main__ as command
import bench.training as training
from bench.timing import Timing
from bench.training import (
    COMPILED_RIVAL,
    EAGER_RIVAL,
    PLAIN,
    StepSetting,
    TrainingBench,
    TrainingStep,
    ops_of,
    training_report,
)
from facesdk.errors import InputError
from train.models.style_swap import shortcut, synthesis

OURS = StepSetting("ours", "no", True, True, False)


def test_every_setting_makes_the_same_step(tmp_path: Path) -> None:
    judge = training.untrained_recogniser(tmp_path, "tiny")
    wide = dataclasses.replace(EAGER_RIVAL, precision="no")
    steps = [TrainingStep("tiny", setting, 4, judge) for setting in (OURS, PLAIN, wide)]
    for _ in range(2):
        times = [step() for step in steps]
    assert [step.loss for step in steps[1:]] == pytest.approx([steps[0].loss] * 2, rel=1e-3)
    assert all(set(t) == {"total", "batch"} and min(t.values()) > 0 for t in times)


def test_standard_ops_are_asked_for_and_given_back() -> None:
    x, vectors = torch.randn(2, 3, 4, 4), (torch.randn(2, 3), torch.randn(2, 3))
    own, fused, warped = synthesis.adain, synthesis.can_fuse, shortcut.warp_in_training
    with ops_of(PLAIN):
        assert not synthesis.can_fuse(x) and shortcut.warp_in_training is shortcut.warp
        composed = synthesis.adain(x, *vectors, 1e-5, fused=True)
    assert synthesis.adain is own and synthesis.can_fuse is fused and shortcut.warp_in_training is warped
    torch.testing.assert_close(composed, own(x, *vectors, 1e-5, fused=True))
    with ops_of(OURS):
        assert synthesis.adain is own


def test_report_counts_samples() -> None:
    timings = {
        "ours": Timing({"total": (100.0, 100.0), "batch": (40.0, 40.0)}),
        PLAIN.name: Timing({"total": (400.0, 600.0), "batch": (40.0, 40.0)}),
        EAGER_RIVAL.name: Timing({"total": (200.0, 200.0), "batch": (40.0, 40.0)}),
        COMPILED_RIVAL.name: Timing({"total": (150.0, 150.0), "batch": (40.0, 40.0)}),
    }
    figures = training_report(TrainingBench(timings, "ours", "tiny", 8, 2), "2 passed", 2).figures
    assert (figures[0].value, figures[0].must, figures[0].ok) == (5.0, 2.0, True)
    assert [f.value for f in figures[1:3]] == pytest.approx([2.0, 1.5]) and figures[1].must is figures[2].must is None
    assert {f.name: f.value for f in figures}["training: ours"] == pytest.approx(80)
    assert figures[-1].value == pytest.approx(200)


def test_noise_is_what_the_recipe_takes() -> None:
    arrays = training.noise_arrays(32)
    assert len({len(values) for values in arrays.values()}) == 1
    groups, counts = np.unique(arrays["group"], return_counts=True)
    assert len(groups) == training.GROUPS and set(counts) == {training.MEMBERS}


def test_command_gates_and_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("bench.train_commands.require_tests", lambda files: seen.append(files) or "1 passed")
    result = CliRunner().invoke(command.app, ["training", "--preset", "tiny", "--rounds", "5", "--threads", "1"])
    assert result.exit_code == 0 and seen == [training.GATE] and "samples/s" in result.output
    with pytest.raises(InputError, match="no training step"):
        training.measure_training("nano_codes", 1, 1)
