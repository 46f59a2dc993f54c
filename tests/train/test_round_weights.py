"""Rounding a part: its matrices lie on int8's grid, all else is as it was, and what is no part is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer

from train.checkpoint import config_dict, load_model, save_weights
from train.int8 import is_rounded
from train.models.style_swap import PRESETS, ShapeConfig, StyleSwap
from train.round_weights import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    config = replace(PRESETS["tiny"], shape=ShapeConfig(code=4, width=8))
    network = StyleSwap(config)
    torch.nn.init.normal_(network.shape.move[-1].weight)
    record = {"net": "style_swap", "family": "style_swap", "preset": "tiny", "config": config_dict(config), "step": 1}
    save_weights(tmp_path / "run", network.state_dict(), {**record, "data": {}, "metrics": {"psnr": 1.0}})
    return tmp_path / "run"


def test_only_the_parts_matrices_are_rounded(run: Path, tmp_path: Path) -> None:
    main(run, "shape", tmp_path / "out")
    (before, _), (after, record) = load_model(run), load_model(tmp_path / "out")
    assert record["data"]["rounded"] == ["shape"]
    old, new = before.state_dict(), after.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {f"shape.{part}.{layer}.weight" for part in ("read", "move") for layer in (0, 2, 4)}
    for name in changed:
        assert is_rounded(new[name]) and not is_rounded(old[name])
        torch.testing.assert_close(new[name], old[name], rtol=0.0, atol=float(old[name].abs().max()) / 254 * 1.01)


@pytest.mark.parametrize("part,said", [("nose", "has no part 'nose': it has encoder"), ("", "has no part ''")])
def test_what_is_no_part_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, said: str
) -> None:
    with pytest.raises(typer.Exit):
        main(run, part, tmp_path / "out")
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()
