"""Dual swap consistency: swapping twice leads back."""

from __future__ import annotations

from torch import Tensor


def swap_consistency_loss(source_again: Tensor, source: Tensor, target_again: Tensor, target: Tensor) -> Tensor:
    """Half the mean squared error of both ways back.

    Args:
        source_again: (B, 3, S, S), G(source = result, target = I_s), which should be I_s.
        source: (B, 3, S, S), I_s.
        target_again: (B, 3, S, S), G(source = I_t, target = result), which should be I_t.
        target: (B, 3, S, S), I_t.

    Returns:
        Scalar >= 0.

    Source: seed 000, eq. 12 (its two names are exchanged, the terms agree); mean over pixels: specification A6.
    """
    back_to_source = (source_again.float() - source.float()).square().mean()
    back_to_target = (target_again.float() - target.float()).square().mean()
    return 0.5 * back_to_source + 0.5 * back_to_target
