"""The VAE's rate: Kullback-Leibler divergence to the unit Gaussian, free bits, and a controller that holds the rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, number by number.

    Args:
        mean: (B, D).
        log_variance: (B, D), natural logarithm.

    Returns:
        (B, D) float32, >= 0.

    Source: Kingma and Welling 2014, appendix B (arXiv:1312.6114): (mu^2 + sigma^2 - log sigma^2 - 1) / 2.
    """
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0)


def free_bits(kl: Tensor, least: float) -> Tensor:
    """Sum over the dimensions of the batch's mean KL, where a dimension below `least` nats costs `least`.

    Args:
        kl: (B, D) nats.
        least: nats a dimension that are free of gradient.

    Returns:
        Scalar, nats a picture.

    Source: Kingma et al. 2016, eq. 15 (arXiv:1606.04934).
    """
    return kl.mean(0).clamp(min=least).sum()


class RateController(nn.Module):
    """Weight of the KL term, moved until the rate is what was asked for; its state is saved with the module.

    Args:
        target_nats: wanted mean KL a dimension.
        start: first weight of the summed KL.
        gain: change of the weight's logarithm a step, for a rate that is 100 % off.
    """

    log_weight: Tensor

    def __init__(self, target_nats: float, start: float, gain: float = 0.01) -> None:
        super().__init__()
        self.target_nats, self.gain = target_nats, gain
        self.register_buffer("log_weight", torch.tensor(math.log(start)))

    @torch.no_grad()
    def step(self, rate_nats: Tensor) -> Tensor:
        """Moves the weight by what the rate is off, and returns it.

        Args:
            rate_nats: scalar, mean KL a dimension of this batch.
        """
        off = (rate_nats.float() / self.target_nats - 1.0).clamp(-1.0, 1.0)
        self.log_weight += self.gain * off
        return self.log_weight.exp()
