"""The straight path from noise to data."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

# (x (B, D), time (B,), end (B,)) to the average velocity (B, D); with end = time the instantaneous one.
Velocity = Callable[[Tensor, Tensor, Tensor], Tensor]


def path_point(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """x_t = (1 - t) e + t z: noise at t = 0, data at t = 1.

    Args:
        noise: (B, D) e.
        data: (B, D) z.
        time: (B,) in [0, 1].

    Returns:
        (B, D).

    Source: Liu et al. 2023, eq. 1 (arXiv:2209.03003), the conditional optimal transport path of Lipman et al. 2023,
        section 4.1, with no noise left at the end (arXiv:2210.02747).
    """
    return noise + time[:, None] * (data - noise)


def path_velocity(noise: Tensor, data: Tensor) -> Tensor:
    """v = z - e, (B, D), the same all along the path."""
    return data - noise
