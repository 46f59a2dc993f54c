"""A VAE straight from its run folder: for codes that no pack holds, such as one that collapsed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.quality.generator.reconstruction import Rate, measure_rate
from facesdk.errors import InputError
from train.checkpoint import load_model
from train.models.latent_flow.vae import VAE
from train.recipes.tensors import picture_array, picture_tensor

U8 = NDArray[np.uint8]
BATCH = 48


def reconstruct_with_run(run: Path, pictures: U8) -> tuple[U8, Rate]:
    """Pictures through a trained VAE, by the mean of the posterior, and the rate of its own code to its own prior.

    Args:
        run: folder of `python -m train vae`.
        pictures: (N, S, S, 3) uint8.

    Returns:
        (N, S, S, 3) uint8 and the rate.

    Raises:
        InputError: there is no such run, or its pictures have another size.
    """
    network, preset = load_model(run)
    if not isinstance(network, VAE) or network.config.image_size != pictures.shape[1]:
        raise InputError(
            f"{run} holds a {preset['net']} of {preset['config'].get('image_size')} px; "
            f"a vae of {pictures.shape[1]} px is expected."
        )
    made, means, log_variances = [], [], []
    with torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            posterior = network.encode(picture_tensor(pictures[start : start + BATCH]))
            made.append(picture_array(network.decode(posterior.mean)))
            means.append(posterior.mean.numpy())
            log_variances.append(posterior.log_variance.numpy())
    return np.concatenate(made), measure_rate(np.concatenate(means), np.concatenate(log_variances))
