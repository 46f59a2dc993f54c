"""Weights as int8 with a scale per output channel, as packs store them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]

LEVELS = 127


def quantise(matrix: F32) -> tuple[I8, F32]:
    """Rounds a matrix to int8, symmetrically.

    Args:
        matrix: (in, out) float32.

    Returns:
        (in, out) int8 in [-127, 127], and (out,) float32 scales: each column's largest value is 127 times its scale.
    """
    largest = np.abs(matrix).max(axis=0)
    scale = np.where(largest > 0, largest / LEVELS, 1.0).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -LEVELS, LEVELS).astype(np.int8), scale


def rounded(weight: Tensor) -> Tensor:
    """What int8 makes of a weight.

    Args:
        weight: (out, ...) float32.

    Returns:
        The same shape. Rounding it again changes nothing.
    """
    values, scale = quantise(weight.detach().float().flatten(1).numpy().T)
    return torch.from_numpy(np.ascontiguousarray((values * scale).T)).view_as(weight)


def is_rounded(weight: Tensor) -> bool:
    """Whether int8 leaves a weight (out, ...) as it is, but for float32's own rounding."""
    return torch.allclose(weight.detach().float(), rounded(weight), rtol=1e-5, atol=0.0)
