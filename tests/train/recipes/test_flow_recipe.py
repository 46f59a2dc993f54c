"""The flow's and the classifier's recipes on tiny made-up data: stages, cache, exact resume, reading attributes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES
from train.checkpoint import config_dict, load_model, save_weights
from train.data.attributes import INDEX, VOCABULARY, shard_attributes
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, BEARDS, IDENTITY_FIELDS
from train.loop import Trainer
from train.models.faces import attributes as classifier
from train.models.faces import recogniser
from train.models.latent_flow import vae, velocity
from train.recipes import latents as latents_module
from train.recipes.attributes import AttributeRecipe, attribute_figures, read_attributes
from train.recipes.flow import FlowRecipe, load_flow
from train.recipes.flow_training import FlowStages, draw_conditions
from train.recipes.latents import Latents, cached_attributes, cached_latents, encode_latents

SIZE = 32


def _arrays(count: int = 12, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    marks = np.tile(rng.uniform(0.4, 0.6, (68, 2)), (count, 1, 1))
    five = TEMPLATES["canon"]
    marks[:, 36:42], marks[:, 42:48], marks[:, 30], marks[:, 48], marks[:, 54] = five
    person = rng.normal(size=(count, len(IDENTITY_FIELDS))).astype(np.float32)
    person[:, -len(BEARDS) :] = np.eye(len(BEARDS))[rng.integers(0, len(BEARDS), count)]
    return {
        "rgb": rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8),
        "parts": rng.integers(0, 18, (count, SIZE, SIZE), dtype=np.uint8),
        "landmarks": (marks * SIZE).astype(np.float32),
        "identity": np.arange(count) % 5,
        "donor": np.arange(count) % 4,
        "group": np.arange(count) // 4,
        "pose": rng.normal(0, 15, (count, 3)).astype(np.float32),
        "identity_vector": person,
        "attribute_vector": rng.uniform(0, 1, (count, len(ATTRIBUTE_FIELDS))).astype(np.float32),
    }


def _save_run(run: Path, net: str, network: torch.nn.Module, config: Any) -> Path:
    save_weights(run, network.state_dict(), {"net": net, "config": config_dict(config)})
    return run


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    """Run folders of an untrained VAE and recogniser."""
    torch.manual_seed(0)
    small = replace(recogniser.PRESETS["tiny"], image_size=64)
    return {
        "vae": _save_run(tmp_path / "vae", "vae", vae.VAE(vae.PRESETS["tiny"]), vae.PRESETS["tiny"]),
        "recogniser": _save_run(tmp_path / "rec", "recogniser", recogniser.Recogniser(small), small),
    }


def _latents(seed: int = 0, count: int = 24) -> Latents:
    rng = np.random.default_rng(seed)
    table = shard_attributes(_arrays(count, seed))
    identity = rng.normal(size=(count, 32))
    identity /= np.linalg.norm(identity, axis=1, keepdims=True)
    return Latents(rng.normal(size=(count, 16)).astype(np.float32), identity.astype(np.float16), table)


def _recipe() -> FlowRecipe:
    torch.manual_seed(0)
    return FlowRecipe("tiny", velocity.PRESETS["tiny"], _latents(), _latents(1), {"seed": 1})


@pytest.mark.parametrize("stop", [2, 4, 5])
def test_a_stopped_run_goes_on_exactly_from_every_stage(stop: int, tmp_path: Path) -> None:
    Trainer(_recipe(), tmp_path / "whole", seed=3).train()
    Trainer(_recipe(), tmp_path / "broken", seed=3, stop_after=stop).train()
    Trainer(_recipe(), tmp_path / "broken", seed=3).train()
    whole, preset = load_model(tmp_path / "whole")
    broken, _ = load_model(tmp_path / "broken")
    assert preset["net"] == "velocity" and preset["step"] == 6
    for (name, a), b in zip(whole.state_dict().items(), broken.state_dict().values()):
        assert torch.equal(a, b), name
    figures = [
        json.loads((tmp_path / run / "validation.jsonl").read_text().splitlines()[-1]) for run in ("whole", "broken")
    ]
    assert figures[0] == figures[1] and {"match", "frechet_1", "frechet_8", "frechet_floor"} <= set(figures[0])


def test_stages_follow_one_another() -> None:
    stages = FlowStages(match_until=0.5, reflow_until=0.6, rounds=2)
    assert [stages.stage(p) for p in (0, 0.49, 0.5, 0.59, 0.6, 1)] == [
        "match",
        "match",
        "reflow",
        "reflow",
        "mean",
        "mean",
    ]
    assert [stages.round(p) for p in (0.5, 0.74, 0.76, 1.0)] == [0, 0, 1, 1]


def test_the_teacher_stands_still_after_flow_matching() -> None:
    recipe = _recipe()
    rng = np.random.default_rng(0)
    for progress, moves in ((0.0, True), (0.5, False), (0.9, False)):
        before = [p.clone() for p in recipe.module.teacher.parameters()]  # type: ignore[union-attr]
        torch.nn.init.normal_(recipe.network.out.weight)
        output = recipe.module(recipe.batch(rng, progress), progress)
        assert torch.isfinite(torch.stack(list(output.losses.values()))).all()
        changed = any(not torch.equal(a, b) for a, b in zip(before, recipe.module.teacher.parameters()))  # type: ignore[union-attr]
        assert changed == moves


def test_conditions_say_nothing_or_who_as_often_as_they_should() -> None:
    latents = _latents()
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(latents), 20_000)
    stages = FlowStages(nothing=0.2, identity=0.3)
    condition, identity = draw_conditions(latents, rows, rng, stages)
    assert identity.any(1).float().mean().item() == pytest.approx(0.8 * 0.3, abs=0.01)
    silent = ~condition.any(1)
    # Said nothing by decision, or because the row's rate forgot all of about 11 attributes.
    assert 0.2 < silent.float().mean().item() < 0.2 + 0.8 / 10
    known = condition[:, -len(VOCABULARY.names) :]
    assert ((condition[:, INDEX["smile"]] != 0) <= (known[:, INDEX["smile"]] == 1)).all()


def test_widths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="widths"):
        FlowRecipe("tiny", velocity.VelocityConfig(latent=8, identity=32), _latents(), _latents(1), {})


def test_latents_are_encoded_once(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = _arrays()
    first = cached_latents(runs["vae"], runs["recogniser"], arrays, "train")
    assert first.latent.shape == (24, 16) and first.identity.shape == (24, 32)
    np.testing.assert_allclose(np.linalg.norm(first.identity.astype(float), axis=1), 1, atol=2e-3)
    yaw = first.table.values[:, INDEX["yaw"]]
    np.testing.assert_array_equal(yaw[12:], -yaw[:12])
    assert not np.allclose(first.latent[:12], first.latent[12:])
    monkeypatch.setattr(latents_module, "encode_latents", None)
    again = cached_latents(runs["vae"], runs["recogniser"], arrays, "train")
    np.testing.assert_array_equal(again.latent, first.latent)
    np.testing.assert_array_equal(again.table.known, first.table.known)
    kept = cached_attributes(runs["vae"], "train")
    np.testing.assert_array_equal(kept.values, first.table.values)
    np.testing.assert_array_equal(kept.known, first.table.known)
    with pytest.raises(InputError, match="latents-validation-.*found none"):
        cached_attributes(runs["vae"], "validation")
    # Other pictures, or another VAE, are another file.
    monkeypatch.setattr(latents_module, "encode_latents", encode_latents)
    assert len(cached_latents(runs["vae"], runs["recogniser"], _arrays(8, seed=1), "train")) == 16
    assert len(list(runs["vae"].glob("latents-train-*.npz"))) == 2 and not list(runs["vae"].glob(".*.tmp"))
    with pytest.raises(InputError, match="one file latents-train.*found latents-train-.*, latents-train-"):
        cached_attributes(runs["vae"], "train")


def test_mirror_images_are_mirrored() -> None:
    """A VAE that only looks at the left half sees another picture in the mirror, and the right one."""

    class Left(torch.nn.Module):
        def encode(self, image: torch.Tensor) -> Any:
            half = image[..., : SIZE // 2] if not self.flipped else image[..., SIZE // 2 :].flip(-1)
            return vae.Posterior(half.mean((1, 3)), half.mean((1, 3)))

        def normalise(self, latent: torch.Tensor) -> torch.Tensor:
            return latent

    arrays = _arrays(4)
    arrays["parts"][:] = 1  # nothing behind, so that the backdrops do not differ
    net, judge = Left(), recogniser.Recogniser(recogniser.PRESETS["tiny"]).eval()
    table = shard_attributes(arrays)
    net.flipped = False  # type: ignore[assignment]
    plain = encode_latents(net, judge, arrays, table, 0).latent  # type: ignore[arg-type]
    net.flipped = True  # type: ignore[assignment]
    flipped = encode_latents(net, judge, arrays, table, 0).latent  # type: ignore[arg-type]
    np.testing.assert_allclose(plain[4:], flipped[:4], atol=1e-6)


def test_flow_from_run_folders(runs: dict[str, Path], tmp_path: Path) -> None:
    def arrays(split: str, most: int | None) -> dict[str, Any]:
        return _arrays(12, seed=int(split == "train"))

    config = velocity.PRESETS["tiny"]
    recipe = load_flow("tiny", config, arrays, None, {"worlds": []}, runs["vae"], runs["recogniser"])
    Trainer(recipe, tmp_path / "flow", seed=1).train()
    assert (tmp_path / "flow/samples/0000006.png").is_file()
    assert json.loads((tmp_path / "flow/preset.json").read_text())["data"]["vae"]
    with pytest.raises(InputError, match="--vae"):
        load_flow("tiny", config, arrays, None, {"worlds": []}, None, runs["recogniser"])
    with pytest.raises(InputError, match="VAE"):
        load_flow("tiny", config, arrays, None, {"worlds": []}, runs["recogniser"], runs["recogniser"])


def test_classifier_takes_steps_and_mirrors_the_yaw(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = AttributeRecipe("tiny", classifier.PRESETS["tiny"], _arrays(), _arrays(seed=1), {})
    figures = Trainer(recipe, tmp_path, seed=1).train()
    assert "yaw_error" in figures and "hair_accuracy" in figures
    yaw = recipe.batch(np.random.default_rng(0), 0)["values"][:, INDEX["yaw"]].abs()
    known = np.abs(recipe.table.values[:, INDEX["yaw"]])  # type: ignore[union-attr]
    assert all(np.isclose(value, known).any() for value in yaw.numpy())
    assert {"smile", "hair"} <= set(json.loads((tmp_path / "curve.jsonl").read_text().splitlines()[-1]))


def test_attributes_are_read_in_their_own_units() -> None:
    class Fixed(torch.nn.Module):
        config = classifier.PRESETS["tiny"]

        def forward(self, crop: torch.Tensor) -> torch.Tensor:
            out = torch.zeros(len(crop), 16)
            out[:, 0], out[:, 5], out[:, 10], out[:, 14] = -3.0, 4.0, 2.0, 0.5
            return out

    read = read_attributes(Fixed(), np.zeros((2, 64, 64, 3), np.uint8))[0]
    found = dict(zip(VOCABULARY.names, read.tolist()))
    assert found["smile"] == 0 and found["age"] == 0.5 and found["yaw"] == 22.5
    assert found["glasses"] == pytest.approx(torch.sigmoid(torch.tensor(4.0)).item())
    assert VOCABULARY["hair"].choices[int(found["hair"])] == "blond"


def test_figures_count_only_what_is_known() -> None:
    table = shard_attributes(_arrays())
    read = table.values.copy()
    read[:, INDEX["age"]] += 0.25
    read[~table.known] = 9.0
    figures = attribute_figures(read, table)
    assert figures["age_error"] == pytest.approx(0.25) and figures["yaw_error"] == 0
    assert figures["hair_accuracy"] == 1 and figures["beard_accuracy"] == 1
