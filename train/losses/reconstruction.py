"""Reconstruction loss: a picture swapped with itself is itself."""

from __future__ import annotations

from torch import Tensor


def reconstruction_loss(result: Tensor, target: Tensor, same: Tensor) -> Tensor:
    """Half the mean squared error of the rows with I_t = I_s, 0 for the others, mean over the batch.

    Args:
        result: (B, 3, S, S) in about [-1, 1].
        target: (B, 3, S, S) in [-1, 1].
        same: (B,) bool, I_t = I_s.

    Returns:
        Scalar >= 0.

    Source: seed 000, eq. 10; mean over pixels: specification A6.
    """
    error = (result.float() - target.float()).square().mean((1, 2, 3))
    return 0.5 * (error * same.to(error.dtype)).mean()
