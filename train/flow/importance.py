"""How much each number of a latent is seen in the picture: what the flow's error should be weighed with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEP = 0.5


@torch.no_grad()
def picture_importance(decode: Callable[[Tensor], Tensor], latents: Tensor, power: float = 0.5) -> Tensor:
    """Weight of each latent dimension, from the change of the picture when it moves.

    On normalised latents a plain squared error counts a dimension that nobody sees as much as the one that turns the
    head. Any positive weights leave the minimum where it is, but not where a small net in a short training gets to.

    Args:
        decode: (B, D) to pictures (B, ...).
        latents: (N, D) normalised latents around which the change is taken.
        power: 1 weighs with the picture's squared change, 0 weighs all alike.

    Returns:
        (D,) float32, positive, of mean 1.
    """
    changes = torch.zeros(latents.shape[1])
    for latent in latents:
        moved = latent + STEP * torch.eye(len(latent))
        there = torch.cat([decode(part) for part in moved.split(64)])
        changes += (there - decode(latent[None])).float().flatten(1).pow(2).mean(1)
    weight = changes.clamp(min=1e-12).pow(power)
    return weight / weight.mean()
