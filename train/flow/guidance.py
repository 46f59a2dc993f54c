"""A velocity with its condition filled in, guided away from no condition."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.flow.path import Velocity


def conditioned(network: nn.Module, condition: Tensor, identity: Tensor, guidance: float = 1.0) -> Velocity:
    """Fills in what the velocity net is asked for.

    Args:
        network: a VelocityNet.
        condition: (B, C).
        identity: (B, E).
        guidance: w of u_0 + w (u_1 - u_0), u_0 without and u_1 with condition; 1 is the conditional velocity alone, and
            costs half.

    Source: Ho and Salimans 2022, eq. 6 (arXiv:2207.12598), on velocities.
    """
    if guidance == 1.0:
        return lambda x, time, end: torch.as_tensor(network(x, time, end, condition, identity))
    both = torch.cat([condition, torch.zeros_like(condition)])
    who = torch.cat([identity, torch.zeros_like(identity)])

    def velocity(x: Tensor, time: Tensor, end: Tensor) -> Tensor:
        said, unsaid = network(x.repeat(2, 1), time.repeat(2), end.repeat(2), both, who).chunk(2)
        return torch.as_tensor(unsaid + guidance * (said - unsaid))

    return velocity
