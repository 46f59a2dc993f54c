"""Where a VAE's training starts: from the principal components of its pictures, or from another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from train.checkpoint import load_state, start_from_weights
from train.data.portrait_data import portraits
from train.data.principal import principal_components, water_level
from train.recipes.vae_losses import VAETraining

PCA_PICTURES = 12_000


def start_from_principal(training: VAETraining, train: Mapping[str, NDArray[Any]]) -> None:
    """Sets the linear part of both ways to the principal components, and rate and noise to what suits them.

    The start is then as good as a linear code, and everything that is learned comes on top.

    Args:
        training: its network has a linear part.
        train: swap arrays with rgb and parts.
    """
    network, losses = training.network, training.losses
    config = network.config
    every = max(1, len(train["rgb"]) // PCA_PICTURES)
    images = portraits(train, np.arange(0, len(train["rgb"]), every), 0)
    parts = principal_components(images, config.latent, config.base_size)
    encoder, decoder = network.encoder.base, network.decoder.base
    assert encoder is not None and decoder is not None
    level = water_level(parts.variance, losses.rate_nats or 2.5)
    # What lies below the level is not coded: scaled to 1, it would blow up what the next picture has there.
    variance = np.maximum(parts.variance, level)
    spread = np.sqrt(variance)
    with torch.no_grad():
        whiten = torch.from_numpy(parts.directions / spread).T
        encoder.assign(whiten, -(whiten @ torch.from_numpy(parts.mean)))
        decoder.assign(torch.from_numpy(parts.directions * spread), torch.from_numpy(parts.mean))
        noise = torch.from_numpy(np.log(np.minimum(level / variance, 0.95)))
        network.encoder.head.bias[config.latent :] = noise.float()
        if losses.rate_nats is not None:
            # Where a dimension's noise costs as much as its rate: 2 * weight of the error * noise a number.
            numbers = 3 * config.base_size**2
            training.rate.log_weight.fill_(float(np.log(2 * losses.l2 * level / numbers)))


def start_from_run(training: VAETraining, run: Path) -> None:
    """Takes over the averaged weights of a run and, where its state was kept, the weight that held its rate.

    Args:
        training: of the same sizes.
        run: run folder of a VAE.

    Raises:
        InputError: no run, or one of another network.
    """
    start_from_weights(training.network, run)
    state = load_state(run)
    if state is not None and training.losses.rate_nats is not None:
        training.rate.log_weight.copy_(state["module"]["rate.log_weight"])
