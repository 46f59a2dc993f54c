"""Reflow: pairs of noise and the latent that a trained flow makes of it, so that the next flow is straighter."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from train.flow.guidance import conditioned
from train.flow.solve import integrate, midpoint

# (count, seed) to condition (count, C) and identity (count, E)
Conditions = Callable[[int, int], tuple[Tensor, Tensor]]


class Pairs(NamedTuple):
    """What a flow made.

    Attributes:
        noise: (N, D) where it started.
        latent: (N, D) where it came to.
        condition: (N, C) what it was asked for.
        identity: (N, E).
    """

    noise: Tensor
    latent: Tensor
    condition: Tensor
    identity: Tensor


@torch.no_grad()
def make_pairs(
    teacher: nn.Module, conditions: Conditions, count: int, steps: int | None, seed: int, batch: int = 512
) -> Pairs:
    """Follows a flow from fresh noise; the same teacher and seed give the same pairs.

    Args:
        teacher: a VelocityNet, its instantaneous velocity is followed, unguided: guidance is the sampler's choice.
        conditions: draws what is asked for.
        count: pairs.
        steps: of the midpoint rule; None takes dopri5.
        seed: of noise and conditions.
        batch: pairs at a time.

    Source: Liu et al. 2023, algorithm 1 (arXiv:2209.03003).
    """
    condition, identity = conditions(count, seed)
    device = next(teacher.parameters()).device
    # On the CPU, so that every device starts from the same noise.
    noise = torch.randn(count, teacher.config.latent, generator=torch.Generator().manual_seed(seed))
    ends = []
    for first in range(0, count, batch):
        part = slice(first, first + batch)
        velocity = conditioned(teacher, condition[part].to(device), identity[part].to(device))
        x = noise[part].to(device)
        ends.append(integrate(velocity, x) if steps is None else midpoint(velocity, x, steps))
    latent = torch.cat(ends)
    return Pairs(noise.to(device), latent, condition.to(device), identity.to(device))
