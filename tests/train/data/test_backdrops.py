"""Backdrops of photographs: what is laid where, what is split how, and that a scene uses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import train.data.backdrops as backdrops
from train.data.backdrops import compose_backdrop, is_cut_out, load_backdrops, split_of
from train.data.scenes import compose_scene

GREEN = np.full((60, 90, 4), (0, 200, 0, 255), np.uint8)


def _thing() -> np.ndarray:
    """An opaque red disk before nothing."""
    y, x = np.mgrid[:40, :40] - 19.5
    thing = np.full((40, 40, 4), (250, 0, 0, 0), np.uint8)
    thing[x**2 + y**2 < 19**2, 3] = 255
    return thing


def test_a_photograph_fills_the_backdrop_and_things_lie_before_it() -> None:
    plain = compose_backdrop([GREEN], [], np.random.default_rng(0), 48)
    assert plain.shape == (48, 48, 3) and (plain == GREEN[0, 0, :3]).all()
    red = 0.0
    for seed in range(20):
        out = compose_backdrop([GREEN], [_thing()], np.random.default_rng(seed), 48).astype(int)
        # Every pixel is between the two colours: nothing of what the thing is cut from shows.
        assert np.abs(out[..., 0] / 250 + out[..., 1] / 200 - 1).max() < 0.02 and not out[..., 2].any()
        red += (out[..., 0] > 200).mean() / 20
    assert 0.03 < red < 0.6


def test_a_cut_out_is_known_by_its_alpha() -> None:
    assert is_cut_out(_thing()) and not is_cut_out(GREEN)


def test_a_split_keeps_copies_together_and_is_a_tenth() -> None:
    assert split_of(Path("a/hill.jpg")) == split_of(Path("elsewhere/a/hill.png"))
    share = np.mean([split_of(Path(f"a/{i}.jpg")) == "validation" for i in range(2000)])
    assert 0.07 < share < 0.13


def test_command_writes_both_splits_of_different_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backdrops, "BACKDROP_PX", 24)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    names = [f"{i}.png" for i in range(40)]
    blue = {name: split_of(pictures / name) == "validation" for name in names}
    assert any(blue.values()) and not all(blue.values())
    for name in names:
        Image.new("RGB", (30, 30), (0, 0, 255) if blue[name] else (0, 255, 0)).save(pictures / name)
    import typer

    app = typer.Typer()
    app.command()(backdrops.main)
    answer = CliRunner().invoke(app, [str(tmp_path), "--pictures", str(pictures), "--count", "20"])
    assert answer.exit_code == 0, answer.output
    train, validation = (load_backdrops([tmp_path], split) for split in ("train", "validation"))
    assert train is not None and train.shape == (20, 24, 24, 3) and (train == (0, 255, 0)).all()
    assert validation is not None and validation.shape == (2, 24, 24, 3) and (validation == (0, 0, 255)).all()
    assert load_backdrops([pictures], "train") is None


def test_half_of_the_scenes_are_before_photographs() -> None:
    nobody = {
        "rgb": np.zeros((1, 16, 16, 3), np.uint8),
        "alpha": np.zeros((1, 16, 16), np.uint8),
        "landmarks": np.zeros((1, 68, 2), np.float32),
    }
    magenta = np.full((1, 40, 40, 3), (250, 0, 250), np.uint8)
    count = 60
    before = 0
    for seed in range(count):
        image = compose_scene(nobody, np.random.default_rng(seed), 32, max_faces=0, photographs=magenta).image
        red, green, blue = np.median(image.reshape(-1, 3), 0).astype(int)
        before += bool(min(red, blue) > 100 and green < 0.4 * min(red, blue))
    assert 0.3 * count < before < 0.7 * count
