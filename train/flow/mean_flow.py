"""The average velocity over a span: its target, from the identity that holds between it and the instantaneous one."""

from __future__ import annotations

import torch
from torch import Tensor

from train.flow.path import Velocity

ADAPTIVE_FLOOR = 0.01


@torch.no_grad()
def mean_flow_target(average: Velocity, x: Tensor, time: Tensor, end: Tensor, velocity: Tensor) -> Tensor:
    """u = v + (end - time) du/dt, what the average velocity must be if its own derivative is right.

    (end - t) u(x_t, t, end) is the way that is left from t to end. Along the flow it shrinks by v dt, so
    -u + (end - t) du/dt = -v, and du/dt = v du/dx + du/dt with `end` held. The source counts time from data to noise;
    there the sign of the last term, and the order of the two times, are the other way round.

    Args:
        average: u, what is trained.
        x: (B, D) point of the path at `time`.
        time: (B,) in [0, 1].
        end: (B,) in [time, 1].
        velocity: (B, D) v at `x`; z - e of the row stands for it.

    Returns:
        (B, D), no gradient; `velocity` where end = time.

    Source: Geng et al. 2025, eqs. 6 to 11 (arXiv:2505.13447).
    """
    tangents = (velocity, torch.ones_like(time), torch.zeros_like(end))
    _, change = torch.func.jvp(average, (x, time, end), tangents)
    return velocity + (end - time)[:, None] * change.to(velocity.dtype)


def adaptive_error(predicted: Tensor, target: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Squared errors, each row weighted by what it is now, so that a few hard rows do not rule.

    Args:
        predicted: (B, D).
        target: (B, D).
        importance: (D,) weights of the dimensions, or None.

    Returns:
        loss, scalar, about 1, that carries the gradient; the plain mean squared error, scalar, for the curve.

    Source: Geng et al. 2025, section 4.3, with p = 1 (arXiv:2505.13447); Gsunshine/meanflow meanflow.py.
    """
    squares = (predicted - target).pow(2)
    error = (squares if importance is None else squares * importance).sum(1)
    return (error / (error.detach() + ADAPTIVE_FLOOR)).mean(), error.detach().mean() / predicted.shape[1]
