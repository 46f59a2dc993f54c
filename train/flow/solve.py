"""From noise to a latent: few steps of the average velocity, or the ODE of the instantaneous one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from facesdk.errors import InputError
from train.flow.path import Velocity

Method = Literal["euler", "midpoint", "heun2", "rk4", "dopri5"]


def few_steps(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Walks from time 0 to 1 in equal steps of the average velocity: x += (end - time) u(x, time, end).

    Args:
        velocity: average velocity.
        x: (B, D) noise.
        steps: 1 or more.

    Returns:
        (B, D).

    Source: Geng et al. 2025, eq. 12 (arXiv:2505.13447), with time from noise to data.
    """
    for step in range(steps):
        time, end = (x.new_full((len(x),), at / steps) for at in (step, step + 1))
        x = x + (end - time)[:, None] * velocity(x, time, end)
    return x


def midpoint(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """The midpoint rule on the instantaneous velocity, two evaluations a step; arguments as of `few_steps`."""
    for step in range(steps):
        time, middle = (x.new_full((len(x),), at / steps) for at in (step, step + 0.5))
        half = x + velocity(x, time, time) * (0.5 / steps)
        x = x + velocity(half, middle, middle) / steps
    return x


def integrate(
    velocity: Velocity,
    x: Tensor,
    start: float = 0.0,
    stop: float = 1.0,
    method: Method = "dopri5",
    steps: int | None = None,
    tolerance: float = 1e-5,
) -> Tensor:
    """The reference: torchdiffeq on the instantaneous velocity.

    Args:
        velocity: asked with end = time.
        x: (B, D) point at `start`.
        start: time of `x`; 1 with `stop` 0 inverts a sample.
        stop: time to go to.
        method: of torchdiffeq.
        steps: of a method with fixed steps; not used by "dopri5".
        tolerance: absolute and relative, of "dopri5".

    Returns:
        (B, D) point at `stop`.

    Raises:
        InputError: torchdiffeq is not installed, or a method with fixed steps without their number.
    """
    try:
        from torchdiffeq import odeint
    except ImportError as error:
        raise InputError(
            "The reference solver needs torchdiffeq, which is not installed.", "pip install 'facesdk[train]'"
        ) from error
    options = None
    if method != "dopri5":
        if steps is None:
            raise InputError(f"solver {method!r} needs a number of steps, got none.", "Give steps, or take dopri5.")
        options = {"step_size": abs(stop - start) / steps}

    def field(time: Tensor, point: Tensor) -> Tensor:
        times = time.to(point.dtype).expand(len(point))
        return velocity(point, times, times)

    times = torch.tensor([start, stop], dtype=x.dtype, device=x.device)
    path = odeint(field, x, times, rtol=tolerance, atol=tolerance, method=method, options=options)
    return torch.as_tensor(path[-1])
