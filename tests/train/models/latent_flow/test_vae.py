"""The VAE and its critic: sizes of the paper, what a patch sees, the codes' statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from train.models.latent_flow import patch_discriminator
from train.models.latent_flow.patch_discriminator import PatchDiscriminator
from train.models.latent_flow.vae import PRESETS, VAE
from train.models.layers import parameter_count


def test_paper_has_the_seeds_parameters() -> None:
    # Shapes without values: the paper's size costs no time.
    with FakeTensorMode():
        vae, critic = VAE(PRESETS["paper"]), PatchDiscriminator()
        picture = torch.empty(1, 3, 256, 256)
        assert vae(picture).shape == (1, 3, 256, 256) and vae.encode(picture).mean.shape == (1, 256)
        assert critic(picture).shape == (1, 1, 30, 30)
    assert parameter_count(vae.encoder) == 29_054_080
    assert parameter_count(vae.decoder) == 38_392_835
    assert parameter_count(critic) == 2_765_633


@pytest.mark.parametrize("preset", ["nano", "tiny"])
def test_shapes(preset: str) -> None:
    config = PRESETS[preset]
    vae = VAE(config).eval()
    with torch.no_grad():
        posterior = vae.encode(torch.zeros(2, 3, config.image_size, config.image_size))
        assert posterior.mean.shape == posterior.log_variance.shape == (2, config.latent)
        assert vae.decode(posterior.mean).shape == (2, 3, config.image_size, config.image_size)


@pytest.mark.parametrize(("layers", "patch"), [(3, 70), (2, 34), (1, 16)])
def test_a_score_sees_its_patch(layers: int, patch: int) -> None:
    critic = PatchDiscriminator(patch_discriminator.PatchDiscriminatorConfig(width=4, layers=layers)).eval()
    picture = torch.rand(1, 3, 160, 160, requires_grad=True)
    scores = critic(picture)
    middle = scores.shape[-1] // 2
    scores[0, 0, middle, middle].backward()
    seen = picture.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == patch


def test_normalise_round_trip() -> None:
    torch.manual_seed(0)
    vae = VAE(PRESETS["tiny"])
    vae.latent_mean.copy_(torch.randn(16))
    vae.latent_std.copy_(torch.rand(16) + 0.3)
    codes = vae.latent_mean + vae.latent_std * torch.randn(4000, 16)
    z = vae.normalise(codes)
    torch.testing.assert_close(vae.denormalise(z), codes, atol=1e-5, rtol=1e-5)
    assert z.mean(0).abs().max() < 0.1 and (z.std(0) - 1).abs().max() < 0.1


def test_draws_have_the_posteriors_moments() -> None:
    from train.models.latent_flow.vae import Posterior

    torch.manual_seed(0)
    draws = Posterior(torch.full((50_000, 1), 2.0), torch.full((50_000, 1), -1.0)).sample()
    assert draws.mean().item() == pytest.approx(2.0, abs=0.01)
    assert draws.var().item() == pytest.approx(0.3679, abs=0.01)


def test_linear_part_starts_as_assigned() -> None:
    """Head and last convolution start at zero: what is left is the linear code."""
    vae = VAE(PRESETS["tiny"]).eval()
    assert vae.encoder.base is not None and vae.decoder.base is not None
    vae.encoder.base.assign(torch.eye(16, 192), torch.arange(16.0))
    vae.decoder.base.assign(torch.eye(192, 16), torch.zeros(192))
    picture = torch.rand(1, 3, 32, 32)
    mean = vae.encode(picture).mean
    small = nn.functional.avg_pool2d(picture, 4).flatten(1)
    torch.testing.assert_close(mean, small[:, :16] + torch.arange(16.0), atol=1e-5, rtol=1e-5)
    base = nn.functional.pad(mean, (0, 176)).unflatten(1, (3, 8, 8))
    wanted = nn.functional.interpolate(base, scale_factor=4.0, mode="bilinear")
    torch.testing.assert_close(vae.decode(mean), wanted, atol=1e-5, rtol=1e-5)
