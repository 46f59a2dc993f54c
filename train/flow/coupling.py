"""Which noise goes to which latent: minibatch optimal transport."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

F32 = NDArray[np.float32]


def transport_order(noise: F32, data: F32) -> NDArray[np.int64]:
    """The permutation of the noise that minimises the sum of squared distances to the data.

    Args:
        noise: (N, D).
        data: (N, D).

    Returns:
        (N,) row of the noise for each row of the data; the data, and with it the labels, keep their order.

    Source: Tong et al. 2024, section 3.4 (arXiv:2302.00482), as an assignment instead of a plan that is sampled.
    """
    # |e - z|^2 less what no permutation changes.
    _, order = linear_sum_assignment(-(data @ noise.T))
    return np.asarray(order)


def couple_unconditional(noise: F32, data: F32, unconditional: NDArray[np.bool_]) -> F32:
    """Couples the noise of the rows that say nothing; every other row keeps the noise it drew.

    Noise that was chosen to lie near a latent tells about the condition that the latent has; a sampler, which draws
    noise and condition apart, would then start where training never was. Among rows without condition there is nothing
    to tell, and the marginal of the noise stays a standard normal one.

    Args:
        noise: (B, D).
        data: (B, D).
        unconditional: (B,) bool.

    Returns:
        (B, D), a permutation of `noise`.

    Source: Cheng and Schwing 2025 on the bias across conditions (arXiv:2503.10636).
    """
    rows = np.flatnonzero(unconditional)
    out = noise.copy()
    out[rows] = noise[rows][transport_order(noise[rows], data[rows])]
    return out
