"""The shape path's stage: readings, lent readings, batches, and that it learns where points belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench.training import noise_arrays
from facesdk.errors import InputError
from train.data.mirror import MIRROR_68
from train.data.swap_data import SwapData
from train.models.faces.landmarks import REFINE_SCALE
from train.models.style_swap import PRESETS, ShapeConfig, StyleSwap
from train.recipes.style_swap import StyleSwapRecipe, SwapTraining
from train.recipes.swap_settings import LOSSES, SETTINGS
from train.recipes.swap_shape import ShapeTraining, found_points, lent_points, shape_arrays, shape_batch, shape_figures

CONFIG = replace(PRESETS["tiny"], shape=ShapeConfig(code=6, width=32))


class _Middle(nn.Module):
    """Finds every point in the middle of the crop."""

    config = SimpleNamespace(image_size=16)

    def forward(self, crop: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(points=torch.full((len(crop), 68, 2), 0.5))


def _points_world(people: int = 12, settings: int = 8) -> dict[str, np.ndarray]:
    """Faces whose points are the mean ones, wider by who it is and moved by the setting; no picture."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.3, 0.7, (68, 2))
    wide, moved = rng.normal(1, 0.15, people), rng.normal(0, 0.05, (settings, 2))
    rows = [(k, who) for k in range(settings) for who in rng.permutation(people)[:4]]
    marks = np.array([0.5 + (mean - 0.5) * [wide[who], 1] + moved[k] for k, who in rows], np.float32)
    group, identity = (np.array(column) for column in zip(*rows))
    return {"landmarks": marks * 32, "points": marks, "group": group, "identity": identity}


def test_points_are_found_in_the_picture_where_the_net_finds_them_in_its_crop() -> None:
    arrays = noise_arrays(32)
    found = found_points(_Middle(), arrays["rgb"], arrays["landmarks"])
    low, high = arrays["landmarks"].min(1), arrays["landmarks"].max(1)
    np.testing.assert_allclose(found[:, 0], (low + high) / 64, atol=1e-6)

    class Corner(_Middle):
        def forward(self, crop: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(points=torch.ones(len(crop), 68, 2))

    corner = found_points(Corner(), arrays["rgb"], arrays["landmarks"])
    side = REFINE_SCALE * (high - low).max(1) / 32
    np.testing.assert_allclose(corner[:, 5] - found[:, 5], np.stack([side, side], 1) / 2, atol=1e-6)
    with pytest.warns(UserWarning, match="true landmarks"):
        np.testing.assert_allclose(found_points(None, arrays["rgb"], arrays["landmarks"]) * 32, arrays["landmarks"])


def test_readings_are_lent_by_pictures_with_points_alike() -> None:
    rng = np.random.default_rng(0)
    true = np.concatenate([rng.normal(0.3, 0.01, (40, 68, 2)), rng.normal(0.7, 0.01, (40, 68, 2))]).astype(np.float32)
    error = np.repeat([0.01, -0.02], 40)[:, None, None].astype(np.float32)
    others = np.concatenate([rng.normal(0.7, 0.01, (5, 68, 2)), rng.normal(0.3, 0.01, (5, 68, 2))]).astype(np.float32)
    lent = lent_points(others, true + error, true)
    np.testing.assert_allclose(lent - others, np.repeat([-0.02, 0.01], 5)[:, None, None] * np.ones((68, 2)), atol=1e-6)


def test_triplets_are_of_one_group_and_one_person() -> None:
    data = SwapData(_points_world())
    source, target, exact = data.draw_many(np.random.default_rng(0), 500)
    identity, group = data.arrays["identity"], data.arrays["group"]
    assert (group[target] == group[exact]).all() and (identity[target] != identity[exact]).all()
    assert (identity[source] == identity[exact]).all()
    alone = [i for i in range(500) if len(set(group[identity == identity[exact[i]]])) == 1]
    elsewhere = group[source] != group[target]
    # Eight draws find one of them nearly always.
    assert elsewhere[np.setdiff1d(np.arange(500), alone)].mean() > 0.97
    with pytest.raises(InputError, match="two pictures"):
        SwapData({"group": np.arange(3), "identity": np.arange(3)}).draw_many(np.random.default_rng(0), 1)


def test_a_mirror_turns_all_points_of_a_triplet() -> None:
    data = SwapData(shape_arrays(_points_world(), None, 32))
    plain, turned = (shape_batch(data, np.random.default_rng(0), 4, mirror) for mirror in (0.0, 1.0))
    for name, points in plain.items():
        mirrored = points[:, MIRROR_68] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        torch.testing.assert_close(turned[name], mirrored)


def test_the_path_learns_where_points_belong() -> None:
    torch.manual_seed(0)
    data = SwapData(shape_arrays(_points_world(), None, 32))
    network = StyleSwap(CONFIG)
    assert network.shape is not None
    network.shape.set_statistics(torch.from_numpy(data.arrays["points"]))
    training, rng = ShapeTraining(network, 1.0), np.random.default_rng(0)
    assert not any(p.requires_grad for p in network.encoder.parameters())
    optimizer = torch.optim.Adam(network.shape.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        training(shape_batch(data, rng, 64), 0.0).losses["shape"].backward()
        optimizer.step()
    figures = shape_figures(network, data, 400)
    assert figures["points_error"] < 0.3 * figures["unchanged_error"]


def test_the_stage_trains_the_path_and_the_next_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, more = noise_arrays(32), _points_world()
    more = {**more, "group": more["group"] + 1000}
    monkeypatch.setitem(LOSSES, "tiny", replace(LOSSES["nano_shape"]))
    with pytest.warns(UserWarning, match="true landmarks"):
        recipe = StyleSwapRecipe("tiny", CONFIG, arrays, arrays, {}, more_points=more)
    assert isinstance(recipe.module, ShapeTraining) and recipe.train is not None
    assert len(recipe.train) == len(arrays["group"]) + len(more["group"])
    output = recipe.module(recipe.batch(np.random.default_rng(0), 0.0), 0.0)
    assert set(output.losses) == {"shape"} and set(recipe.evaluate(recipe.network)) == {
        "points_error",
        "unchanged_error",
    }
    assert recipe.grid(recipe.network) is None and SETTINGS["nano_shape"].batch_size > 64


def test_a_joint_step_decodes_with_the_points_and_leaves_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = noise_arrays(32)
    tiny = LOSSES["tiny"]
    with pytest.raises(InputError, match="swap of a swap"):
        StyleSwapRecipe("tiny", CONFIG, arrays, arrays, {})
    monkeypatch.setitem(LOSSES, "tiny", replace(tiny, weights={**tiny.weights, "swap_consistency": 0.0}))
    recipe = StyleSwapRecipe("tiny", CONFIG, arrays, arrays, {})
    assert isinstance(recipe.module, SwapTraining) and recipe.network.shape is not None
    output = recipe.module(recipe.batch(np.random.default_rng(0), 0.0), 0.0)
    sum(output.losses.values()).backward()
    assert all(p.grad is None for p in recipe.network.shape.parameters())
    assert all(s.maps.weight.grad.abs().max() > 0 for s in recipe.network.decoder.shortcuts.values())
    with torch.no_grad():
        assert "gain_db" in recipe.evaluate(recipe.network) and recipe.grid(recipe.network) is not None
