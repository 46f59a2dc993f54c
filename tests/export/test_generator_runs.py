from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from export.families.untrained import untrained_generator
from export.generator_runs import load_generator
from facesdk.errors import InputError
from train.checkpoint import config_dict, save_weights
from train.recipes.latents import weights_digest

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    vae, net, _ = untrained_generator("tiny")

    def write(name: str, preset: str = "tiny", change: str = "", **data: Any) -> Path:
        module = net if name == "flow" else vae
        state = {key: value.clone() for key, value in module.state_dict().items()}
        if change:
            state[change] += 0.5
        kind = "velocity" if name == "flow" else "vae"
        record = {"net": kind, "preset": preset, "config": config_dict(module.config), "step": 1, "data": data}
        save_weights(tmp_path / name, state, record)
        return tmp_path / name

    return write


def test_runs_that_belong_together_are_loaded_with_their_records(save: Save) -> None:
    vae = save("vae")
    flow = save("flow", vae=weights_digest(vae))
    coder, net, records = load_generator(vae, flow, vae, "tiny")
    assert records["vae"]["preset"] == "tiny" and records["velocity"]["step"] == 1
    assert net.config.latent == coder.config.latent and not coder.training


def test_a_decoder_that_was_trained_on_fits_and_another_encoder_does_not(save: Save) -> None:
    first = save("vae")
    flow = save("flow", vae=weights_digest(first))
    sharp = save("sharp", "tiny_sharp", change="decoder.out.bias")
    with pytest.raises(InputError, match="learned the latents of another VAE"):
        load_generator(sharp, flow, sharp, "tiny")
    coder, older = (load_generator(run, flow, first, "tiny")[0] for run in (sharp, first))
    torch.testing.assert_close(coder.decoder.out.bias, older.decoder.out.bias + 0.5)
    for change in ("encoder.head.bias", "latent_std"):
        other = save("other", "tiny_sharp", change=change)
        with pytest.raises(InputError, match="encodes otherwise"):
            load_generator(other, flow, first, "tiny")


def test_wrong_folders_and_presets_are_named(save: Save) -> None:
    vae = save("vae")
    flow = save("flow", vae=weights_digest(vae))
    with pytest.raises(InputError, match="holds a VelocityNet, expected a VAE"):
        load_generator(flow, flow, flow, "tiny")
    with pytest.raises(InputError, match="preset 'tiny', got --preset nano"):
        load_generator(vae, flow, vae, "nano")
    unknown = save("flow")
    with pytest.raises(InputError, match="learned the latents of another VAE"):
        load_generator(vae, unknown, vae, "tiny")
