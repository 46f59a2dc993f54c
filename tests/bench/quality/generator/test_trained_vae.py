from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality.generator import trained_vae
from bench.quality.generator.trained_vae import reconstruct_with_run
from facesdk.errors import InputError
from train.checkpoint import config_dict, save_weights
from train.models.latent_flow.vae import PRESETS, VAE
from train.recipes.tensors import picture_array, picture_tensor


def test_pictures_through_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = VAE(PRESETS["tiny"]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_weights(tmp_path, network.state_dict(), {"net": "vae", "config": config_dict(network.config)})
    size = network.config.image_size
    pictures = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), np.uint8)
    monkeypatch.setattr(trained_vae, "BATCH", 2)
    made, rate = reconstruct_with_run(tmp_path, pictures)
    with torch.no_grad():
        wanted = picture_array(network(picture_tensor(pictures)))
        mean, log_variance = network.encode(picture_tensor(pictures))
    assert np.abs(made.astype(int) - wanted).max() <= 1 and made.std() > 0
    # A latent's KL from torch's own distributions.
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    assert rate.nats == pytest.approx(float(kl), rel=1e-4)
    with pytest.raises(InputError, match="32 px"):
        reconstruct_with_run(tmp_path, np.zeros((1, 64, 64, 3), np.uint8))
