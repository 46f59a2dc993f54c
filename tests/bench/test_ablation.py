from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench import ablation
from bench.ablation import AblationOptions, ablation_table, markdown, run_ablation, validation_triplets, variant_recipe
from bench.ablation_variants import VARIANTS, Variant, changed_config, chosen_variants
from bench.ablation_view import View
from bench.training import noise_arrays
from facesdk.errors import InputError
from train.checkpoint import config_dict, save_weights
from train.models.style_swap import PRESETS, StyleSwap
from train.recipes.swap_codes import CodesTraining
from train.recipes.swap_settings import LOSSES

OPTIONS = AblationOptions("tiny", steps=2, seeds=(0, 1), batch_size=2, swaps=4)


def _judge(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    return pictures[:, ::8, ::8].reshape(len(pictures), -1).astype(np.float32)


def _locate(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    return landmarks.astype(np.float32) + pictures[:, :1, :1, 0].mean((1, 2))[:, None, None] / 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world")
    for split in ("train", "validation"):
        np.savez(path / f"swap-{split}-00000.npz", **noise_arrays(PRESETS["tiny"].image_size))
    (path / "world.json").write_text('{"format": 1, "world": 1, "sets": {}}')
    return path


def test_runs_score_resume_and_refuse_other_options(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants, said = chosen_variants("no_codes"), list[str]()
    table = run_ablation(variants, [folder], tmp_path, OPTIONS, _judge, _locate, said.append)
    assert [(row["variant"], row["seeds"]) for row in table["rows"]] == [("base", 2), ("no_codes", 2)]
    assert len(said) == 4 and json.loads((tmp_path / "table.json").read_text()) == table
    base, other = table["rows"]
    for metric in ablation.METRICS:
        assert other[metric]["difference"] == pytest.approx(other[metric]["mean"] - base[metric]["mean"], abs=1e-9)
        assert base[metric]["difference"] is None and base[metric]["std"] is not None
    assert "no supervision of the codes" in (tmp_path / "table.md").read_text()

    # Nothing is trained twice; a further seed is.
    monkeypatch.setattr(ablation, "Trainer", lambda *a: pytest.fail("trained again"))
    assert run_ablation(variants, [folder], tmp_path, OPTIONS, _judge, _locate, said.append) == table
    with pytest.raises(InputError, match="steps 2 there, 3 asked"):
        run_ablation(variants, [folder], tmp_path, replace(OPTIONS, steps=3), _judge, _locate, said.append)


def test_a_stopped_run_is_not_scored(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(ablation.Trainer):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, stop_after=1)  # type: ignore[misc]

    with monkeypatch.context() as patched:
        patched.setattr(ablation, "Trainer", Stopped)
        with pytest.raises(InputError, match="stopped at step 1"):
            run_ablation(chosen_variants("base"), [folder], tmp_path, OPTIONS, _judge, _locate, lambda text: None)
    assert not list(tmp_path.rglob(ablation.SCORE_FILE))
    run_ablation(chosen_variants("base"), [folder], tmp_path, OPTIONS, _judge, _locate, lambda text: None)
    assert len(list(tmp_path.rglob(ablation.SCORE_FILE))) == 2


def test_parts_of_a_run_are_kept_beside_another_decoder(folder: Path, tmp_path: Path) -> None:
    arrays = noise_arrays(PRESETS["tiny"].image_size)
    variant = Variant("x", {"decoder.shortcuts": ()}, start=False, keeps=("encoder", "blending"), against="")
    with pytest.raises(InputError, match="Give --start"):
        variant_recipe(variant, OPTIONS, arrays, arrays, {})
    torch.manual_seed(1)
    trained = StyleSwap(PRESETS["tiny"])
    record = {"net": "style_swap", "preset": "tiny", "config": config_dict(PRESETS["tiny"]), "step": 1}
    save_weights(tmp_path / "run", trained.state_dict(), record)
    network = variant_recipe(variant, replace(OPTIONS, start=tmp_path / "run"), arrays, arrays, {}).network
    kept = network.encoder.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in trained.encoder.state_dict().items())
    assert not torch.equal(network.decoder.to_rgb.weight, trained.decoder.to_rgb.weight)


def test_a_first_stage_is_scored_by_what_its_codes_tell(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = ablation.StyleSwapRecipe

    def small(preset: str, *rest: Any, **more: Any) -> Any:
        built = recipe("tiny", *rest, **more)
        built.losses, built.module = (
            LOSSES[preset],
            CodesTraining(built.network, built.module.heads, {**LOSSES[preset].weights, "code_embedding": 0.0}, None),
        )
        return built

    monkeypatch.setattr(ablation, "StyleSwapRecipe", small)
    monkeypatch.setitem(ablation.PRESETS, "nano", PRESETS["tiny"])
    options = replace(OPTIONS, preset="nano_codes", seeds=(0,))
    table = run_ablation({"base": VARIANTS["base"]}, [folder], tmp_path, options, _judge, _locate, lambda text: None)
    score = json.loads((tmp_path / "base-0" / "score.json").read_text())
    assert set(score) == set(ablation.CODE_METRICS) and table["rows"][0]["identity_explained"]["mean"] is not None
    assert "codes explain" in markdown(table) and "top-5" not in markdown(table)


def test_a_view_reaches_the_recipe_and_the_scores(folder: Path, tmp_path: Path) -> None:
    half = {"image_size": 16, "encoder.head_size": 2, "decoder.base_size": 2, "decoder.noise_up_to": 8}
    half["decoder.shortcuts"] = tuple(side // 2 for side in PRESETS["tiny"].decoder.shortcuts)
    variants = {"half": Variant("x", half, start=False, view=View(0.5, 16), against="")}
    options = replace(OPTIONS, seeds=(0,))
    run_ablation(variants, [folder], tmp_path, options, _judge, _locate, lambda text: None)
    score = json.loads((tmp_path / "half-0" / ablation.SCORE_FILE).read_text())
    assert set(score) == set(ablation.METRICS)

    # Pasted where it lies: what changes a picture changes its middle alone.
    triplets, _ = validation_triplets(noise_arrays(32), 4)
    network = ablation.load_model(tmp_path / "half-0")[0]
    changed = (ablation.swapped(network, triplets, View(0.5, 16)) != triplets["target"]).any((0, 3))
    assert changed[8:24, 8:24].any()
    changed[8:24, 8:24] = False
    assert not changed.any()


def test_every_variant_changes_the_nano_recipe() -> None:
    reference = PRESETS["nano"]
    for name, variant in VARIANTS.items():
        config = changed_config(reference, variant.network)
        changes = config != reference or variant.weights or variant.rate != 1 or not variant.start
        assert bool(changes) is (name != "base"), name
    with pytest.raises(InputError, match="no field"):
        changed_config(reference, {"decoder.wings": 2})


def test_variants_reach_the_recipe() -> None:
    arrays = noise_arrays(PRESETS["tiny"].image_size)
    variant = Variant("x", {"encoder.activation": "leaky"}, {"gates": 0.0}, 0.5, start=False)
    recipe = variant_recipe(variant, OPTIONS, arrays, arrays, {})
    assert recipe.network_config.encoder.activation == "leaky" and recipe.module.weights["gates"] == 0
    assert (recipe.config.learning_rate, recipe.config.steps, recipe.config.batch_size) == (5e-4, 2, 2)
    with pytest.raises(InputError, match="another net cannot start"):
        Variant("y", {"encoder.activation": "leaky"})


def test_names_bring_what_they_are_held_against() -> None:
    assert list(chosen_variants("prelu, rate_half")) == ["base", "scratch", "prelu", "rate_half"]
    for names in ("", "wings"):
        with pytest.raises(InputError, match="not known"):
            chosen_variants(names)


@pytest.mark.parametrize("name, missing", (("strong_recogniser", "recogniser"), ("no_points", "landmark net")))
def test_a_variant_of_a_networks_losses_needs_one(name: str, missing: str, folder: Path, tmp_path: Path) -> None:
    variants = chosen_variants(name)
    with pytest.raises(InputError, match=f"there is no {missing}"):
        run_ablation(variants, [folder], tmp_path, OPTIONS, _judge, _locate, lambda text: None)


def test_triplets_are_of_the_groups() -> None:
    arrays = noise_arrays(32)
    triplets, gallery = validation_triplets(arrays, 6)
    assert len(triplets["target"]) == 6 and len(gallery["rgb"]) == len(np.unique(arrays["identity"]))
    assert (triplets["identity"] != triplets["target_identity"]).all()


def test_spread_needs_two_seeds() -> None:
    scores = {"base": {0: dict.fromkeys(ablation.METRICS, 1.0)}}
    table = ablation_table(VARIANTS, scores, OPTIONS)
    assert table["rows"][0]["gain_db"] == {"mean": 1.0, "std": None, "difference": None}
    assert "| base | the recipe as it is |  | 1 | 1 |" in markdown(table)
