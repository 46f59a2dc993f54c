"""A generator with random weights: enough to measure size, speed and parity of a preset that nobody trained yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from export.pictures import random_pictures
from facesdk.errors import InputError
from train.checkpoint import config_dict
from train.models.latent_flow import vae, velocity

NOTE = "Random weights, never trained: made to measure size, speed and parity, and of no other use."
STATISTICS_OVER = 8


def untrained_generator(preset: str, seed: int = 0) -> tuple[vae.VAE, velocity.VelocityNet, dict[str, dict[str, Any]]]:
    """Networks as they are before training, made to pass signals.

    Layers that start at zero would make every output zero, and any two zeros agree: those get weights of the usual
    size. The latents' statistics are taken over random pictures.

    Args:
        preset: of both networks.
        seed: of the weights.

    Returns:
        VAE, velocity net, and the record of each, which says that they were never trained.

    Raises:
        InputError: no such preset.
    """
    if preset not in vae.PRESETS or preset not in velocity.PRESETS:
        known = ", ".join(sorted(set(vae.PRESETS) & set(velocity.PRESETS)))
        raise InputError(f"latent_flow has no preset {preset!r}.", f"Use one of {known}.")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        coder, net = vae.VAE(vae.PRESETS[preset]).eval(), velocity.VelocityNet(velocity.PRESETS[preset]).eval()
        for network in (coder, net):
            for weight in network.parameters():
                if weight.ndim >= 2 and not weight.any():
                    nn.init.xavier_uniform_(weight)
    side = coder.config.image_size
    pictures = torch.from_numpy(random_pictures(np.random.default_rng(seed), STATISTICS_OVER, (side, side)))
    with torch.no_grad():
        means = torch.cat([coder.encode(picture[None]).mean for picture in pictures])
    coder.latent_mean.copy_(means.mean(0))
    coder.latent_std.copy_(means.std(0).clamp(min=1e-6))
    common = {"preset": preset, "step": 0, "seed": seed, "notes": [NOTE]}
    records = {
        name: {"net": name, "config": config_dict(network.config), **common}
        for name, network in (("vae", coder), ("velocity", net))
    }
    return coder, net, records
