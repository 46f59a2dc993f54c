"""The swap's first stage: codes that tell who and how."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.training import noise_arrays
from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES
from tests.train.recipes.test_recipes import arrays
from train.checkpoint import load_model, save_weights
from train.data.swap_data import SwapData
from train.loop import Trainer
from train.models.faces import recogniser
from train.models.faces.recogniser import Recogniser
from train.models.style_swap import PRESETS, CodeHeads, CodeHeadsConfig, ShapeConfig, StyleSwap
from train.recipes.style_swap import StyleSwapRecipe
from train.recipes.swap_codes import codes_batch, explained, fit_heads, start_from_run
from train.recipes.swap_settings import SETTINGS
from train.recipes.tensors import picture_tensor

TINY = PRESETS["tiny"]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StyleSwapRecipe:
    small = replace(SETTINGS["nano_codes"], steps=3, batch_size=8, save_every=3, warmup_steps=1, precision="no")
    monkeypatch.setitem(SETTINGS, "nano_codes", small)
    torch.manual_seed(0)
    config = replace(recogniser.PRESETS["tiny"], image_size=112)
    preset = {"net": "recogniser", "config": {**config.__dict__}, "step": 1}
    save_weights(tmp_path / "recogniser", Recogniser(config).state_dict(), preset)
    return StyleSwapRecipe("nano_codes", TINY, arrays(32), arrays(32, seed=1), {}, recogniser=tmp_path / "recogniser")


def test_trains_all_but_the_decoder_and_is_a_start(stage: StyleSwapRecipe, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in stage.network.state_dict().items()}
    output = stage.module(stage.batch(np.random.default_rng(0), 0.0), 0.0)
    assert set(output.losses) == {
        "code_identity", "code_attributes", "blend_identity", "blend_attributes", "code_embedding",
    }  # fmt: skip
    figures = Trainer(stage, tmp_path / "codes", seed=1).train()
    assert set(figures) == {"identity_explained", "attributes_explained"}
    moved = {name for name, value in stage.network.state_dict().items() if not torch.equal(before[name], value)}
    assert any(name.startswith("encoder.") for name in moved) and any(name.startswith("blending.") for name in moved)
    assert not any(name.startswith("decoder.") for name in moved)

    data = arrays(32, seed=2)  # other statistics than those of the stage
    later = StyleSwapRecipe("tiny", TINY, data, data, {}, tmp_path / "recogniser", start=tmp_path / "codes")
    saved, _ = load_model(tmp_path / "codes")
    for name, value in saved.state_dict().items():
        torch.testing.assert_close(later.network.state_dict()[name], value)
    # The readers come along with the units in which they read.
    for name, value in stage.module.heads.state_dict().items():
        torch.testing.assert_close(later.module.heads.state_dict()[name], value)
    assert later.data_options["start"] == "codes, step 3"


def test_the_decoder_alone_learns_to_read_codes_that_went_on(
    stage: StyleSwapRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(stage, tmp_path / "codes", seed=1).train()
    small = replace(SETTINGS["nano_decoder"], steps=2, batch_size=4, save_every=2, warmup_steps=1, precision="no")
    monkeypatch.setitem(SETTINGS, "nano_decoder", small)
    data = arrays(32, seed=2)
    with pytest.raises(InputError, match="codes that are there already"):
        StyleSwapRecipe("nano_decoder", TINY, data, data, {})
    later = StyleSwapRecipe("nano_decoder", TINY, data, data, {}, tmp_path / "recogniser", start=tmp_path / "codes")
    before = {name: value.clone() for name, value in later.network.named_parameters()}
    Trainer(later, tmp_path / "decoder", seed=1).train()
    moved = {name for name, value in later.network.named_parameters() if not torch.equal(before[name], value)}
    assert moved and all(name.startswith("decoder.") for name in moved)


def test_the_encoder_alone_asks_for_no_landmarks(tmp_path: Path, stage: StyleSwapRecipe) -> None:
    pathed = replace(TINY, shape=ShapeConfig(code=4, width=8))
    data = arrays(32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe = StyleSwapRecipe("nano_codes", pathed, data, data, {}, tmp_path / "recogniser")
    recipe.module(recipe.batch(np.random.default_rng(0), 0.0), 0.0)
    with pytest.warns(UserWarning, match="true landmarks"):
        StyleSwapRecipe("nano_shape", pathed, data, data, {})


def test_another_network_is_no_start(stage: StyleSwapRecipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a Recogniser"):
        start_from_run(StyleSwap(TINY), stage.module.heads, tmp_path / "recogniser")


def test_a_stage_without_the_recogniser_of_the_first_is_refused(stage: StyleSwapRecipe, tmp_path: Path) -> None:
    Trainer(stage, tmp_path / "codes", seed=1).train()
    data = arrays(32)
    with pytest.raises(InputError, match="embedding"):
        StyleSwapRecipe("tiny", TINY, data, data, {}, start=tmp_path / "codes")


def test_pictures_are_cut_around_their_own_faces() -> None:
    # A rendered picture lies as its hair donor's face says; where the face then is must not be seen by the encoder.
    data, side, away = arrays(64, groups=2), 64, 6
    upright = np.tile(np.float32([0.5, 0.5]), (68, 1))
    upright[36:42], upright[42:48], upright[30], upright[48], upright[54] = TEMPLATES["canon"]
    marks = upright * side + np.float32([away, 0])
    spot = np.exp(-0.5 * ((np.mgrid[:side, :side] + 0.5 - marks[30][::-1, None, None]) ** 2).sum(0) / 9)
    count = len(data["rgb"])
    data["rgb"] = np.tile(np.rint(255 * spot).astype(np.uint8)[None, ..., None], (count, 1, 1, 3))
    data["landmarks"] = np.stack([marks] * count)

    def columns(pictures: np.ndarray) -> np.ndarray:
        weight = pictures[..., 0].sum(1).astype(float)
        return weight @ (np.arange(side) + 0.5) / weight.sum(1)

    nose = upright[30, 0] * side
    np.testing.assert_allclose(columns(SwapData(data).own_pictures(np.arange(count))), nose, atol=0.1)
    shaken = columns(codes_batch(SwapData(data), np.random.default_rng(0), 64)["clean"])
    assert abs(shaken.mean() - nose) < 0.3 and 0.05 < shaken.std() < 2


def test_a_missing_recogniser_is_said() -> None:
    data = arrays(32)
    with pytest.warns(UserWarning, match="no recogniser"):
        recipe = StyleSwapRecipe("nano_codes", TINY, data, data, {})
    output = recipe.module(recipe.batch(np.random.default_rng(0), 0.0), 0.0)
    assert "code_embedding" not in output.losses and "code_identity" in output.losses


def test_explained_is_the_share_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.normal(size=(4000, 2)), np.ones((4000, 1))], 1)
    assert explained(truth, truth) == pytest.approx(1)
    assert explained(truth.mean(0, keepdims=True), truth) == pytest.approx(0, abs=1e-9)
    # Noise of half the deviation costs a quarter of the variance; the constant column counts for nothing.
    noisy = truth + 0.5 * rng.normal(size=truth.shape)
    assert explained(noisy, truth) == pytest.approx(0.75, abs=0.02)


def test_readers_are_fitted_to_codes_that_are_good_already() -> None:
    torch.manual_seed(0)
    data = noise_arrays(32)
    network = StyleSwap(PRESETS["tiny"])
    config = network.config.encoder
    identity, attributes = (torch.from_numpy(data[f"{name}_vector"]) for name in ("identity", "attribute"))
    heads = CodeHeads(CodeHeadsConfig(config.styles, config.style_dim, identity.shape[1], attributes.shape[1]))
    heads.set_statistics(identity, attributes)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_heads(network, heads, SwapData(data), None)
    assert network.training and all(torch.equal(v, before[n]) for n, v in network.state_dict().items())
    # Of the fitted pictures the mean is read rightly, and each better than by the mean.
    network.eval()
    with torch.no_grad():
        codes = network.encoder(picture_tensor(SwapData(data).own_pictures(np.arange(len(data["rgb"])))))[0]
        reading = heads(codes)
    wanted, _ = heads.standardise(identity, attributes)
    torch.testing.assert_close(reading.identity.mean(0), wanted.mean(0), atol=1e-3, rtol=1e-3)
    assert (reading.identity - wanted).square().mean() < (wanted.mean(0) - wanted).square().mean()
