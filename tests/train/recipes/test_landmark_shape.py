"""The shape layer: the fit recovers a known correction, and the network applies exactly what was fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.train.recipes.test_recipes import arrays
from train.models.faces.landmarks import PRESETS, Landmarks, shape_features
from train.recipes.landmark_shape import fit_bend, fit_shape, observe, with_shape
from train.recipes.landmarks import LandmarksRecipe


def test_the_fit_recovers_a_linear_correction() -> None:
    rng = np.random.default_rng(0)
    said = rng.normal(3, 2, (4000, 5)).astype(np.float32)
    truth = rng.normal(size=(6, 5)).astype(np.float32)
    offset = said @ truth.T + 0.7 + rng.normal(0, 0.01, (4000, 6)).astype(np.float32)
    # Some faces are hopeless: they must not bend the rest.
    offset[:200] += rng.normal(0, 50, (200, 6))
    weight, bias, mean, scale = fit_shape(said, offset.astype(np.float32), ridge=1e-6, rounds=6)
    np.testing.assert_allclose(weight / scale, truth, atol=0.02)
    np.testing.assert_allclose(bias - (weight / scale) @ mean, np.full(6, 0.7), atol=0.1)


def test_the_hidden_layer_finds_what_no_line_does() -> None:
    rng = np.random.default_rng(0)
    said = rng.normal(size=(6000, 5)).astype(np.float32)
    straight = said @ rng.normal(size=(5, 6)).astype(np.float32)
    offset = straight + np.abs(said[:, :1]) * np.linspace(1, 2, 6, dtype=np.float32)
    weight, bias, mean, scale = fit_shape(said, offset)
    standard = (said - mean) / scale
    layers = fit_bend(standard, offset, (weight, bias), 64, epochs=12)
    again = fit_bend(standard, offset, (weight, bias), 64, epochs=12)
    assert all(torch.equal(layers[name], again[name]) for name in layers)
    x = torch.from_numpy(standard)
    bent = (x @ layers["bend.0.weight"].T + layers["bend.0.bias"]).relu() @ layers["bend.2.weight"].T
    found = x @ layers["shape.weight"].T + layers["shape.bias"] + bent + layers["bend.2.bias"]
    left = np.abs(found.numpy() - offset).mean()
    assert left < 0.5 * np.abs(standard @ weight.T + bias - offset).mean()


def test_features_are_free_of_place_and_size() -> None:
    points, spread, visible = torch.rand(2, 68, 2), torch.rand(2, 68, 2) * 0.1, torch.rand(2, 68)
    said, size = shape_features(points, spread, visible)
    again, larger = shape_features(points * 3 + 0.4, spread * 3, visible)
    assert torch.allclose(said, again, atol=1e-4) and torch.allclose(larger, 3 * size, rtol=1e-4)
    assert said[:, :136].unflatten(1, (68, 2)).square().sum(-1).mean(-1).tolist() == pytest.approx([1, 1], rel=1e-4)


def test_a_fresh_layer_changes_nothing() -> None:
    torch.manual_seed(0)
    plain = Landmarks(PRESETS["tiny"]).eval()
    shaped = Landmarks(replace(PRESETS["tiny"], shape=True)).eval()
    shaped.load_state_dict({**shaped.state_dict(), **plain.state_dict()})
    crops = torch.randn(2, 3, 64, 64)
    assert torch.equal(plain(crops).points, shaped(crops).points)


@pytest.mark.parametrize("hidden", (0, 8))
def test_the_network_applies_what_was_fitted(hidden: int) -> None:
    torch.manual_seed(0)
    data = arrays(64)
    recipe = LandmarksRecipe("tiny", PRESETS["tiny"], [data], data, {})
    fitted = with_shape(recipe.network.eval(), recipe, 96, hidden)
    crops = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before, after = recipe.network(crops), fitted(crops)
    assert torch.equal(before.pose, after.pose) and not torch.equal(before.points, after.points)
    assert fitted.config.shape_hidden == hidden
    # The untrained net sees the same shape always: the fit must at least move it to the mean of what there is.
    said, offset = observe(recipe.network, data, np.random.default_rng(5), 96)
    standard = torch.from_numpy((said - fitted.shape_mean.numpy()) / fitted.shape_scale.numpy())
    with torch.no_grad():
        correction = fitted.shape(standard) + (fitted.bend(standard) if hidden else 0)
    left = offset - correction.numpy()
    assert np.square(left).mean() < 0.8 * np.square(offset).mean()
