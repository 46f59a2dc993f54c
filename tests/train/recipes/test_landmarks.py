"""The landmark recipe: parts of a batch, and which folders it reads what from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from tests.train.recipes.test_recipes import arrays
from train.models.faces.landmarks import PRESETS
from train.recipes.landmarks import FIELDS, LandmarksRecipe, landmarks_recipe


def test_a_batch_has_faces_first_and_none_last() -> None:
    white = np.full((2, 160, 160, 3), 255, np.uint8)
    data = arrays(64)
    recipe = LandmarksRecipe("tiny", PRESETS["tiny"], [data], data, {}, close=data, false_faces=(white, white))
    batch = recipe.batch(np.random.default_rng(0), 0.0)
    count = recipe.config.batch_size
    assert len(batch["image"]) == count and len(batch["points"]) == len(batch["pose"]) < count
    losses = recipe.module(batch, 0.0).losses
    assert set(losses) == {"heat", "points", "relative", "visible", "pose", "presence"}
    again = recipe.batch(np.random.default_rng(0), 0.0)
    assert all(torch.equal(batch[k], again[k]) for k in batch)


def test_presence_loss_falls_with_the_right_answer() -> None:
    data = arrays(64)
    recipe = LandmarksRecipe("tiny", PRESETS["tiny"], [data], data, {})
    batch = recipe.batch(np.random.default_rng(0), 0.0)
    recipe.network.head.bias.data[-1] = 9.0
    sure = recipe.module(batch, 0.0).losses["presence"].item()
    # To be sure costs 9 for each crop that shows no face.
    none = len(batch["image"]) - len(batch["points"])
    assert sure == pytest.approx(0.3 * 9 * none / len(batch["image"]), rel=1e-2)


def test_sets_are_drawn_as_often_as_they_are_large() -> None:
    few, many = arrays(64, groups=2), arrays(96, groups=8)
    recipe = LandmarksRecipe("tiny", PRESETS["tiny"], [few, many], few, {})
    rng = np.random.default_rng(0)
    drawn = [recipe._portraits(rng)["rgb"].shape[1] for _ in range(400)]
    assert np.mean(np.array(drawn) == 96) == pytest.approx(0.8, abs=0.06)


def test_folders_of_several_sizes_are_several_sets(tmp_path: Path) -> None:
    for folder, size in (("a", 96), ("b", 64), ("c", 96)):
        (tmp_path / folder).mkdir()
        for split in ("train", "validation"):
            data = {name: arrays(size)[name] for name in (*FIELDS, "alpha")}
            np.savez(tmp_path / folder / f"portrait-{split}-00000.npz", **data)
    recipe = landmarks_recipe("tiny", PRESETS["tiny"], [tmp_path / name for name in "abc"], None, {})
    assert recipe.train is not None and recipe.validation is not None
    assert [set_["rgb"].shape[:2] for set_ in recipe.train] == [(18, 64), (36, 96)]
    assert recipe.validation["rgb"].shape[:2] == (36, 96)


def test_folders_give_what_they_hold(tmp_path: Path) -> None:
    data = {name: arrays(64)[name] for name in (*FIELDS, "alpha")}
    for folder, kind in (("a", "portrait"), ("b", "swap")):
        (tmp_path / folder).mkdir()
        for split in ("train", "validation"):
            np.savez(tmp_path / folder / f"{kind}-{split}-00000.npz", **data)
    np.savez(tmp_path / "b" / "false-faces-train.npz", rgb=np.zeros((5, 160, 160, 3), np.uint8))
    recipe = landmarks_recipe("tiny", PRESETS["tiny"], [tmp_path / "a", tmp_path / "b"], None, {"seed": 1})
    assert recipe.close is not None and len(recipe.close["rgb"]) == len(data["rgb"])
    assert recipe.data_options == {"seed": 1, "false_faces": [5, 0], "photographs": [False, False]}
    (tmp_path / "b" / "backdrops-train.npz").touch()
    again = landmarks_recipe("tiny", PRESETS["tiny"], [tmp_path / "a", tmp_path / "b"], None, {})
    assert again.data_options["photographs"] == [True, False]
    assert landmarks_recipe("tiny", PRESETS["tiny"], [tmp_path / "a"], None, {}).close is None
    with pytest.raises(InputError, match="portrait-train"):
        landmarks_recipe("tiny", PRESETS["tiny"], [tmp_path / "b"], None, {})
