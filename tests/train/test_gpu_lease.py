"""The whole way on a CPU with the tiny preset, so that it works the first time that a GPU is there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from facesdk.errors import InputError
from train.checkpoint import config_dict, load_model, load_state, save_state, save_weights
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS
from train.gpu_lease import running
from train.gpu_lease.__main__ import app
from train.gpu_lease.packing import LEASE_FILE, copy_run, pack_lease
from train.gpu_lease.running import BACK, check_size, collect, run_lease
from train.models.faces import recogniser
from train.models.style_swap import PRESETS, StyleSwap
from train.presets import load_recipe
from train.recipes.style_swap import StyleSwapRecipe


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, size, count = tmp_path_factory.mktemp("world"), PRESETS["tiny"].image_size, 24
    (folder / "world.json").write_text('{"world": 1, "sets": {}}')
    for split in ("train", "validation"):
        rng = np.random.default_rng(len(split))
        arrays = {
            "rgb": rng.integers(0, 256, (count, size, size, 3), np.uint8),
            "parts": rng.integers(0, 18, (count, size, size), np.uint8),
            "landmarks": rng.uniform(0, size, (count, 68, 2)).astype(np.float32),
            "identity": np.arange(count) % 9,
            "donor": np.repeat(np.arange(count // 3), 3),
            "group": np.repeat(np.arange(count // 3), 3),
            "identity_vector": rng.normal(size=(count, len(IDENTITY_FIELDS))).astype(np.float32),
            "attribute_vector": rng.normal(size=(count, len(ATTRIBUTE_FIELDS))).astype(np.float32),
        }
        np.savez(folder / f"swap-{split}-00000.npz", **arrays)
    return folder


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, config = tmp_path_factory.mktemp("runs") / "recogniser", recogniser.PRESETS["tiny"]
    net = recogniser.Recogniser(config)
    save_weights(folder, dict(net.state_dict()), {"net": "recogniser", "config": config_dict(config), "step": 0})
    return folder


def test_pack_run_bring_back_and_go_on(world: Path, judge: Path, tmp_path: Path) -> None:
    bundle, out, work = (tmp_path / name for name in ("bundle", "back", "work"))
    text = pack_lease("style_swap", [world], bundle, 5_000_000, {"recogniser": judge, "start": None})
    assert text.startswith("24 + 24 pictures")
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) <= 5_000_000
    lease = run_lease(bundle, out, work, 0.04, "tiny", batch_size=2, workers=2, trial_steps=3)
    assert {path.name for path in out.iterdir()} == set(BACK) and len(BACK) <= 8
    assert sum(path.stat().st_size for path in out.iterdir()) < 64_000_000
    assert lease["step"] >= 1 and lease["steps_per_second"] > 0 and lease["wall_minutes"] < 1
    found, record = load_model(out)
    assert isinstance(found, StyleSwap) and record["data"]["recogniser"] == "recogniser"
    assert json.loads((out / LEASE_FILE).read_text())["step"] == record["step"] == lease["step"]
    # A second lease goes on where the first one ended, with the same plan.
    again = run_lease(bundle, out, work, 0.04, "tiny")
    assert again["steps"] == lease["steps"] and again["batch_size"] == 2 and again["step"] >= lease["step"]


def test_the_time_ends_a_run_whose_speed_was_misjudged(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_lease("style_swap", [world], tmp_path / "b", 5_000_000, {})
    monkeypatch.setattr(running, "steps_per_second", lambda *a: 1e5)
    lease = run_lease(tmp_path / "b", tmp_path / "out", tmp_path / "work", 0.03, "tiny", batch_size=2)
    assert 1 <= lease["step"] < lease["steps"] and lease["wall_minutes"] < 0.5
    assert (tmp_path / "work" / "run" / "state" / "step.json").is_file()


def test_start_travels_with_the_readers_of_the_codes(world: Path, tmp_path: Path) -> None:
    recipe = load_recipe("style_swap", "tiny", [world])
    record = {"net": "style_swap", "config": config_dict(PRESETS["tiny"]), "step": 7}
    save_weights(tmp_path / "codes", dict(recipe.network.state_dict()), record)
    state = {name: value for name, value in recipe.module.state_dict().items()}
    save_state(tmp_path / "codes", {"step": 7, "module": state, "optimizer": {"a": torch.zeros(9)}})
    copy_run(tmp_path / "codes", tmp_path / "small")
    kept = load_state(tmp_path / "small")
    assert kept is not None and set(kept) == {"step", "module"}
    assert kept["module"] and all(name.startswith("heads.") for name in kept["module"])
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("small", "codes")]
    assert sizes[0] < 0.6 * sizes[1]
    second = load_recipe("style_swap", "tiny", [world], start=tmp_path / "small")
    assert second.data_options["start"] == "small, step 7"
    for mine, theirs in zip(second.network.parameters(), recipe.network.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=1e-3)


def test_frozen_nets_move_with_the_training(judge: Path, world: Path) -> None:
    recipe = load_recipe("style_swap", "tiny", [world], recogniser=judge)
    assert isinstance(recipe, StyleSwapRecipe)
    frozen = recipe.module._frozen["recogniser"]
    assert {p.device.type for p in frozen.parameters()} == {"cpu"}
    recipe.module.to("meta")
    assert {p.device.type for p in frozen.parameters()} == {"meta"}
    # They are no part of the run's state all the same.
    assert not any("recogniser" in name for name in recipe.module.state_dict())


def test_faults_are_said_first(world: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no net 'wings'"):
        pack_lease("wings", [world], tmp_path / "b", 10**7, {})
    with pytest.raises(InputError, match="MB hold"):
        pack_lease("style_swap", [world], tmp_path / "b", 10_000, {})
    assert not (tmp_path / "b").exists()
    with pytest.raises(InputError, match="no bundle"):
        run_lease(tmp_path, tmp_path / "o", tmp_path / "w", 1)
    with pytest.raises(InputError, match="may be brought back"):
        check_size(load_recipe("style_swap", "tiny", []), 1000)
    assert collect(tmp_path / "none", tmp_path / "empty") == 0


def test_commands(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "steps_per_second", lambda *a: 5.0)
    runner, bundle = CliRunner(), tmp_path / "b"
    packed = runner.invoke(app, ["pack", "style_swap", "--data", str(world), "-o", str(bundle)])
    assert packed.exit_code == 0 and "24 + 24 pictures" in packed.output
    options = ["-o", str(tmp_path / "out"), "--work", str(tmp_path / "w"), "--minutes", "0.02", "--preset", "tiny"]
    ran = runner.invoke(app, ["run", str(bundle), *options, "--workers", "0", "--batch-size", "2"])
    assert ran.exit_code == 0 and (tmp_path / "out" / "model.safetensors").is_file()
