"""Mixing two runs: the ends are the runs, the middle lies between, and other nets are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer

from train.checkpoint import config_dict, load_model, save_weights
from train.mix import main, mixed
from train.models.faces.landmarks import PRESETS, Landmarks, LandmarksConfig


def _run(folder: Path, seed: int, config: LandmarksConfig = PRESETS["tiny"]) -> Path:
    torch.manual_seed(seed)
    record = {"net": "landmarks", "family": "faces", "preset": f"p{seed}", "config": config_dict(config), "step": seed}
    save_weights(folder, Landmarks(config).state_dict(), {**record, "data": {"worlds": []}})
    return folder


def test_ends_and_middle() -> None:
    first = {"w": torch.tensor([1.0, 3.0]), "count": torch.tensor(4)}
    second = {"w": torch.tensor([3.0, -1.0]), "count": torch.tensor(9)}
    assert mixed(first, second, 0.0)["w"].tolist() == [1, 3] and mixed(first, second, 1.0)["w"].tolist() == [3, -1]
    assert mixed(first, second, 0.25)["w"].tolist() == [1.5, 2.0] and mixed(first, second, 0.75)["count"] == 4


def test_the_command_writes_a_run_that_says_what_it_is(tmp_path: Path) -> None:
    first, second = _run(tmp_path / "a", 1), _run(tmp_path / "b", 2)
    main(first, second, 0.5, tmp_path / "out")
    network, record = load_model(tmp_path / "out")
    weight = [load_model(run)[0].heat.weight for run in (first, second)]
    torch.testing.assert_close(network.heat.weight, (weight[0] + weight[1]) / 2)
    note = {"with": "b", "preset": "p2", "step": 2, "share": 0.5}
    assert record["preset"] == "p1" and record["data"]["mixed"] == [note]
    assert json.loads((tmp_path / "a" / "preset.json").read_text())["data"] == {"worlds": []}
    # A mixture may be mixed again, and says both.
    main(tmp_path / "out", first, 0.25, tmp_path / "again")
    notes = load_model(tmp_path / "again")[1]["data"]["mixed"]
    assert notes == [note, {"with": "a", "preset": "p1", "step": 1, "share": 0.25}]


def test_other_nets_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(PRESETS["tiny"], neck=16)
    with pytest.raises(typer.Exit):
        main(_run(tmp_path / "a", 1), _run(tmp_path / "b", 2, other), 0.5, tmp_path / "out")
    assert "cannot mix" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_was_learned_since_is_added_to_a_later_run(tmp_path: Path) -> None:
    later, sharp, early = (_run(tmp_path / name, seed) for seed, name in enumerate("abc"))
    main(later, sharp, 0.5, tmp_path / "out", early)
    network, record = load_model(tmp_path / "out")
    at = [load_model(run)[0].heat.weight for run in (later, sharp, early)]
    torch.testing.assert_close(network.heat.weight, at[0] + (at[1] - at[2]) / 2)
    assert record["data"]["mixed"][0]["since"] == "c" and record["preset"] == "p0"
    # Since the first itself is what mixing two runs is.
    main(later, sharp, 0.5, tmp_path / "again", later)
    torch.testing.assert_close(load_model(tmp_path / "again")[0].heat.weight, (at[0] + at[1]) / 2)


def test_a_start_of_another_size_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = _run(tmp_path / "c", 3, replace(PRESETS["tiny"], neck=16))
    with pytest.raises(typer.Exit):
        main(_run(tmp_path / "a", 1), _run(tmp_path / "b", 2), 0.5, tmp_path / "out", start)
    assert str(start) in capsys.readouterr().err and not (tmp_path / "out").exists()
