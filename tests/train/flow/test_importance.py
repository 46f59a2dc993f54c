"""Weights of the latent's dimensions."""

from __future__ import annotations

import torch

from train.flow.importance import picture_importance


def test_importance_of_a_linear_decoder_is_its_columns_energy() -> None:
    torch.manual_seed(0)
    columns = torch.randn(48, 6) * torch.tensor([4.0, 2.0, 1.0, 1.0, 0.5, 0.1])
    latents = torch.randn(3, 6)
    energy = columns.pow(2).sum(0)
    for power in (1.0, 0.5, 0.0):
        found = picture_importance(lambda z: z @ columns.T, latents, power)
        torch.testing.assert_close(found, energy.pow(power) / energy.pow(power).mean(), rtol=1e-4, atol=1e-5)
