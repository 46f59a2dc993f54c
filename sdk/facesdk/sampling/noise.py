"""Noise that depends on a seed and a number alone: not on the count, the machine or NumPy's version."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    pairs = (size + 1) // 2
    # In (0, 1], so that the logarithm is finite.
    uniform = _uniform(seed, index, 2 * pairs) + 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size].astype(np.float32)


def share_after_noise(seed: int, index: int, size: int) -> float:
    """The number that the same stream gives next: what else is drawn for this face, its noise staying as it is.

    Args:
        seed, index, size: as of `normal_noise`.

    Returns:
        0 to below 1, evenly.

    Raises:
        InputError: a number is out of range.
    """
    taken = 2 * ((size + 1) // 2)
    return float(_uniform(seed, index, taken + 1)[taken])


def _uniform(seed: int, index: int, count: int) -> NDArray[np.float64]:
    """The first numbers of a stream, 53 bits each, in [0, 1)."""
    for name, number in (("seed", seed), ("index", index)):
        if not 0 <= number <= MAX_SEED:
            raise InputError(f"{name}={number}: a whole number from 0 to 2**64 - 1 expected.")
    stream = np.random.Philox(key=np.array([seed, index], np.uint64)).random_raw(count)
    return (stream >> np.uint64(11)).astype(np.float64) * 2.0**-53
