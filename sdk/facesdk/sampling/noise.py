"""Noise that depends on a seed and a number alone: not on the count, the machine or NumPy's version."""

from __future__ import annotations

import numpy as np

from facesdk.errors import InputError
from facesdk.types import F32

MAX_SEED = 2**64 - 1


def normal_noise(seed: int, index: int, size: int) -> F32:
    """Standard normal noise of one face.

    NumPy promises that a bit generator's stream stays as it is, and does not promise it for `Generator.normal`; so the
    numbers are made from the stream here, two at a time: sqrt(-2 ln u) cos(2 pi w) and sqrt(-2 ln u) sin(2 pi w).

    Args:
        seed: 0 to 2**64 - 1.
        index: the face's number under this seed, 0 to 2**64 - 1.
        size: how many numbers.

    Returns:
        (size,) float32.

    Raises:
        InputError: a number is out of range.

    Source: Box and Muller 1958; Philox4x64: Salmon et al. 2011, keyed by (seed, index).
    """
    for name, number in (("seed", seed), ("index", index)):
        if not 0 <= number <= MAX_SEED:
            raise InputError(f"{name}={number}: a whole number from 0 to 2**64 - 1 expected.")
    pairs = (size + 1) // 2
    stream = np.random.Philox(key=np.array([seed, index], np.uint64)).random_raw(2 * pairs)
    # 53 bits each; in (0, 1], so that the logarithm is finite.
    uniform = ((stream >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size].astype(np.float32)
