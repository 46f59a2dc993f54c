"""Hinge loss of the generator and the discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def _over_scales(values: Sequence[Tensor]) -> Tensor:
    # Mean over the patches of a scale first: a fine scale has more patches, not more say.
    return torch.stack([value.mean() for value in values]).mean()


def generator_hinge(fake_scores: Sequence[Tensor]) -> Tensor:
    """Loss of the generator.

    Args:
        fake_scores: per scale (B, 1, h, w), V(G(I_s, I_t)); positive = real.

    Returns:
        Scalar.

    Source: seed 000, eq. 5: L_adv^G = -E V(G(I_s, I_t)).
    """
    return -_over_scales(fake_scores)


def discriminator_hinge(real_scores: Sequence[Tensor], fake_scores: Sequence[Tensor]) -> Tensor:
    """Loss of the discriminator.

    Args:
        real_scores: per scale (B, 1, h, w), V(I).
        fake_scores: per scale (B, 1, h, w), V(G(I_s, I_t)) of detached pictures.

    Returns:
        Scalar >= 0.

    Source: seed 000, eqs. 6 and 7: -E min(0, -1 + V(I)) - E min(0, -1 - V(G)).
    """
    return _over_scales([F.relu(1 - score) for score in real_scores]) + _over_scales(
        [F.relu(1 + score) for score in fake_scores]
    )
