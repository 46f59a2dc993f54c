"""The VAE's training: its start, its two stages, exact resume, and the signs of the sum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facesdk.errors import InputError
from train import checkpoint, loop
from train.data.portrait_data import portraits
from train.data.principal import principal_components
from train.losses.kl import kl_per_dimension
from train.losses.perceptual import PerceptualLoss
from train.models.faces import parser
from train.models.latent_flow.vae import PRESETS, VAE
from train.recipes import vae as vae_recipe
from train.recipes.feature_nets import parser_features
from train.recipes.tensors import picture_tensor
from train.recipes.vae import VAERecipe
from train.recipes.vae_losses import LOSSES, Critic, VAETraining, anneal
from train.recipes.vae_start import start_from_run


def arrays(count: int = 60, seed: int = 0) -> dict[str, Any]:
    """Blobs of a few colours and places, 32 px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:32, 0:32]
    centre = rng.uniform(10, 22, (count, 2, 1, 1))
    parts = (((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) < 64).astype(np.uint8)
    rgb = rng.integers(0, 256, (count, 1, 1, 3)) * parts[..., None] + rng.integers(0, 40, (count, 32, 32, 3))
    return {"rgb": np.clip(rgb, 0, 255).astype(np.uint8), "parts": parts}


@pytest.fixture
def parser_run(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    config = parser.PRESETS["tiny"]
    preset = {"net": "parser", "config": checkpoint.config_dict(config)}
    checkpoint.save_weights(tmp_path / "parser", parser.Parser(config).state_dict(), preset)
    return tmp_path / "parser"


@pytest.fixture
def first_stage(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    loop.Trainer(VAERecipe("tiny", PRESETS["tiny"], arrays(), arrays(10, 1), {}), tmp_path / "first", seed=1).train()
    return tmp_path / "first"


def _training(losses: Any, critic: Critic | None = None) -> tuple[VAETraining, Mapping[str, Tensor]]:
    torch.manual_seed(0)
    recipe = VAERecipe("tiny", PRESETS["tiny"], arrays(), arrays(10, 1), {})
    features = {"parser": PerceptualLoss(parser_features(parser.Parser(parser.PRESETS["tiny"])), (0.25,) * 4, "l2")}
    return VAETraining(recipe.network, losses, features, critic), recipe.batch(np.random.default_rng(0), 0.0)


def test_start_is_the_linear_code() -> None:
    """Head and last convolution are zero, so the first reconstruction is that of the principal components."""
    data = arrays(200)
    torch.manual_seed(0)
    network = VAERecipe("tiny", PRESETS["tiny"], data, data, {}).network.eval()
    images = portraits(data, np.arange(len(data["rgb"])), 0)
    parts = principal_components(images, 16, 8)
    with torch.no_grad():
        posterior = network.encode(picture_tensor(images[:20]))
        made = network.decode(posterior.mean)
    mean, directions = torch.from_numpy(parts.mean), torch.from_numpy(parts.directions)
    small = F.avg_pool2d(picture_tensor(images[:20]), 4).flatten(1)
    linear = ((small - mean) @ directions @ directions.T + mean).unflatten(1, (3, 8, 8))
    wanted = F.interpolate(linear, scale_factor=4.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=0)
    # It is worth something: much nearer than the mean picture.
    assert (linear.flatten(1) - small).square().mean() < 0.3 * (mean - small).square().mean()


def test_start_has_the_wanted_rate_and_unit_codes() -> None:
    data = arrays(200)
    training = VAERecipe("tiny", PRESETS["tiny"], data, data, {}).module
    assert isinstance(training, VAETraining)
    images = picture_tensor(portraits(data, np.arange(200), 0))
    posterior = training.network.eval().encode(images)
    torch.testing.assert_close(posterior.mean.std(0), torch.ones(16), atol=0.05, rtol=0)
    rate = kl_per_dimension(posterior.mean, posterior.log_variance).mean().item()
    assert rate == pytest.approx(LOSSES["tiny"].rate_nats, abs=0.3)


def test_few_pictures_do_not_blow_up_the_code() -> None:
    data = arrays(12)
    network = VAERecipe("tiny", PRESETS["tiny"], data, data, {}).network.eval()
    assert network.encode(picture_tensor(portraits(data, np.arange(12), 9))).mean.abs().max() < 20


def test_loss_falls_with_its_parts() -> None:
    """Seed 003 subtracts the KL, so that its loss falls when the rate grows."""
    training, batch = _training(replace(LOSSES["tiny"], rate_nats=None, kl_weight=1.0, free_nats=0.0))
    head = training.network.encoder.head
    found = []
    for log_variance in (-8.0, -4.0, -1.0):
        with torch.no_grad():
            head.bias[16:] = log_variance
        torch.manual_seed(1)
        losses = training(batch, 1.0).losses
        found.append((losses["kl"].item(), torch.stack(list(losses.values())).sum().item()))
    assert found == sorted(found, reverse=True)


def test_second_stages_terms() -> None:
    critic = Critic(torch.nn.Conv2d(3, 1, 4, 2))
    losses = replace(LOSSES["tiny_sharp"], adaptive=False, judged=0.5)
    training, batch = _training(losses, critic)
    early, late = training(batch, 0.0), training(batch, 0.5)
    assert "adversarial" not in early.losses and "perceptual" in early.losses
    assert late.fake is not None and late.real is not None and len(late.fake) == len(late.real) == 4
    assert early.fake is not None  # the critic learns before it is listened to
    late.losses["adversarial"].backward()
    assert training.network.decoder.out.weight.grad.abs().sum() > 0
    assert training.network.encoder.head.weight.grad is not None
    # The generator's pass leaves the critic alone; its own does not.
    weight = critic.discriminator.weight
    assert weight.grad is None
    critic(late.real, late.fake.detach()).backward()
    assert weight.grad.abs().sum() > 0
    assert not any("critic" in name or "features" in name for name in training.state_dict())


def test_perceptual_term_moves_the_decoder() -> None:
    training, batch = _training(replace(LOSSES["tiny"], perceptual=1.0))
    training(batch, 0.5).losses["perceptual"].backward()
    assert training.network.decoder.out.weight.grad.abs().sum() > 0
    assert training.network.encoder.head.weight.grad.abs().sum() > 0


def test_adaptive_weight_matches_the_gradients() -> None:
    critic = Critic(torch.nn.Conv2d(3, 1, 4, 2))
    training, batch = _training(replace(LOSSES["tiny_sharp"], adversarial=1.0, kl_weight=0.0001), critic)
    output = training(batch, 0.5)
    last = training.network.decoder.out.weight
    parts = [sum(output.losses[n] for n in ("l1", "l2", "perceptual")), output.losses["adversarial"]]
    lengths = [torch.autograd.grad(part, last, retain_graph=True)[0].norm().item() for part in parts]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)
    assert output.logs["adaptive_weight"] > 0


def test_decoder_phase_leaves_every_code_as_it_is() -> None:
    training, batch = _training(replace(LOSSES["tiny"], phase="decoder"))
    before = {k: v.clone() for k, v in training.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in training.parameters() if p.requires_grad], 0.1)
    training.train()
    output = training(batch, 0.5)
    torch.stack(list(output.losses.values())).sum().backward()
    optimizer.step()
    changed = {k for k, v in training.state_dict().items() if not torch.equal(before[k], v)}
    assert changed and all(name.startswith("network.decoder.") for name in changed)
    assert "kl" not in output.losses and training.network.decoder.training


def test_annealed_weight_rises_and_the_controller_waits() -> None:
    assert [anneal(p, 0.3) for p in (0.0, 0.15, 0.3, 1.0)] == pytest.approx([0, 0.5, 1, 1])
    assert anneal(0.0, 0.0) == 1.0
    training, batch = _training(replace(LOSSES["tiny"], kl_anneal=0.5, kl_weight=1e-3))
    first = training.rate.log_weight.clone()
    assert training(batch, 0.0).losses["kl"].item() == 0
    assert training(batch, 0.25).losses["kl"].item() > 0
    assert torch.equal(training.rate.log_weight, first)
    training(batch, 0.5)
    assert not torch.equal(training.rate.log_weight, first)


def test_second_stage_starts_from_the_first(first_stage: Path, parser_run: Path) -> None:
    with pytest.raises(InputError, match="--start"):
        VAERecipe("tiny_sharp", PRESETS["tiny"], arrays(), arrays(10, 1), {})
    recipe = VAERecipe(
        "tiny_sharp", PRESETS["tiny"], arrays(), arrays(10, 1), {"worlds": []}, parser=parser_run, start=first_stage
    )
    network, _ = checkpoint.load_model(first_stage)
    for (name, a), b in zip(network.state_dict().items(), recipe.network.state_dict().values()):
        assert torch.equal(a, b), name
    state = checkpoint.load_state(first_stage)
    assert state is not None and isinstance(recipe.module, VAETraining)
    assert torch.equal(recipe.module.rate.log_weight, state["module"]["rate.log_weight"])
    assert recipe.data_options == {"worlds": [], "start": "first", "parser": "parser"}
    other = VAETraining(VAE(replace(PRESETS["tiny"], latent=8)), LOSSES["tiny"])
    with pytest.raises(InputError, match="cannot start from this run"):
        start_from_run(other, first_stage)
    with pytest.raises(InputError, match="cannot start from this run"):
        start_from_run(other, parser_run)


@pytest.mark.parametrize("preset", ["tiny", "tiny_sharp"])
def test_a_stopped_run_goes_on_exactly(preset: str, tmp_path: Path, first_stage: Path, parser_run: Path) -> None:
    def run(name: str, stop_after: int | None = None) -> None:
        torch.manual_seed(0)
        extra: dict[str, Path] = {"parser": parser_run, "start": first_stage} if preset == "tiny_sharp" else {}
        recipe = VAERecipe(preset, PRESETS["tiny"], arrays(), arrays(10, 1), {}, **extra)
        loop.Trainer(recipe, tmp_path / name, seed=3, stop_after=stop_after).train()

    run("whole")
    run("broken", 2)
    run("broken")
    whole, broken = checkpoint.load_state(tmp_path / "whole"), checkpoint.load_state(tmp_path / "broken")
    assert whole is not None and broken is not None and "rate.log_weight" in whole["module"]
    assert ("critic" in whole) == (preset == "tiny_sharp")
    for part in ("module", "average", *(["critic"] if preset == "tiny_sharp" else [])):
        for name, value in whole[part].items():
            assert torch.equal(value, broken[part][name]), f"{part} {name}"
    first = checkpoint.load_state(first_stage)
    assert (
        first is not None
        and preset == "tiny"
        or not torch.equal(whole["module"]["rate.log_weight"], first["module"]["rate.log_weight"])
    )
    lines = [(tmp_path / name / "validation.jsonl").read_text().splitlines()[-1] for name in ("whole", "broken")]
    assert lines[0] == lines[1]
    assert ("distance_parser" in json.loads(lines[0])) == (preset == "tiny_sharp")


def test_presets_as_the_seed_has_them() -> None:
    assert set(LOSSES) == set(vae_recipe.SETTINGS)
    for preset in ("paper", "paper_adversarial"):
        config = vae_recipe.SETTINGS[preset]
        assert (config.batch_size, config.learning_rate, config.betas) == (24, 1e-4, (0.9, 0.999))
        assert (config.weight_decay, config.clip, config.final_share) == (0.01, 1.0, 0.05)
        assert config.warmup_steps * 10 == config.steps
        assert vae_recipe.JITTER[preset] == vae_recipe.ColorJitter(0.1, 0.1, 0.05, 0.05)
    assert LOSSES["paper"].kl_anneal == 0.3 and LOSSES["paper"].adversarial == 0
    assert LOSSES["paper_adversarial"].adversarial == 0.1
    seed = LOSSES["nano_seed"]
    assert (seed.l1, seed.l2, seed.kl_weight, seed.rate_nats, seed.free_nats) == (1.0, 0.0, 0.05, None, 0.0)
    recipe = VAERecipe("nano_seed", PRESETS["nano"], None, None, {})
    assert recipe.network.encoder.base is None and recipe.network_config.tanh


def test_jitter_changes_input_and_target_alike() -> None:
    """One tensor is both; only with a preset that asks for it does it differ from the plain pictures."""
    config = replace(PRESETS["tiny"], base_size=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vae_recipe.JITTER, "tiny", vae_recipe.ColorJitter())
        jittered = VAERecipe("tiny", config, arrays(), None, {}).batch(np.random.default_rng(0), 0.0)
    plain = VAERecipe("tiny", config, arrays(), None, {}).batch(np.random.default_rng(0), 0.0)
    assert set(jittered) == {"image", "face", "detail"} and torch.equal(jittered["face"], plain["face"])
    difference = (jittered["image"] - plain["image"]).abs().mean()
    assert 0.001 < difference < 0.3


def test_bad_input() -> None:
    with pytest.raises(InputError, match="no preset 'tiny_blunt'"):
        VAERecipe("tiny_blunt", PRESETS["tiny"], None, None, {})
    with pytest.raises(InputError, match="32 px"):
        VAERecipe("nano", PRESETS["nano"], arrays(), None, {})
    with pytest.warns(UserWarning, match="perceptual"):
        VAERecipe("nano_sharp", PRESETS["nano"], None, None, {})
