"""Solvers of dx/dt = v(x, t): Euler, midpoint, Heun, RK4 with fixed steps, and dopri5 that chooses its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, InputError
from facesdk.sampling.schedule import time_grid

F64 = NDArray[np.float64]
Field = Callable[[F64, F64, F64], F64]
"""(x (B, D), time (B,), end (B,)) -> (B, D): the mean velocity from time to end; with end = time, the velocity."""
Step = Callable[[Field, F64, F64, F64], F64]

ADAPTIVE = "dopri5"
TOLERANCE = 1e-4
MOST_TRIES = 1000
FINITE_CURE = "Try --backend openvino-f32 or onnxruntime; facesdk doctor says which backends agree."


def euler(field: Field, x: F64, time: F64, end: F64) -> F64:
    """x + h v(time..end); one evaluation. Of first order for a field that ignores `end`."""
    return x + (end - time)[:, None] * field(x, time, end)


def midpoint(field: Field, x: F64, time: F64, end: F64) -> F64:
    """x + h v(x + h/2 v, t + h/2); two evaluations, second order."""
    h, middle = (end - time)[:, None], (time + end) / 2.0
    return x + h * field(x + h / 2.0 * field(x, time, time), middle, middle)


def heun(field: Field, x: F64, time: F64, end: F64) -> F64:
    """x + h/2 (v + v(x + h v, t + h)); two evaluations, second order."""
    h, first = (end - time)[:, None], field(x, time, time)
    return x + h / 2.0 * (first + field(x + h * first, end, end))


def rk4(field: Field, x: F64, time: F64, end: F64) -> F64:
    """The classic Runge-Kutta step: four evaluations, fourth order."""
    h, middle = (end - time)[:, None], (time + end) / 2.0
    k1 = field(x, time, time)
    k2 = field(x + h / 2.0 * k1, middle, middle)
    k3 = field(x + h / 2.0 * k2, middle, middle)
    k4 = field(x + h * k3, end, end)
    return x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


STEPS: dict[str, Step] = {"euler": euler, "midpoint": midpoint, "heun": heun, "rk4": rk4}
SOLVERS = (*STEPS, ADAPTIVE)

# Butcher tableau. Source: Dormand and Prince 1980, RK5(4)7M; as in Hairer, Norsett and Wanner, table II.5.2.
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def dopri5(field: Field, x: F64, start: float, end: float, tolerance: float = TOLERANCE) -> F64:
    """Runge-Kutta of order 5 with an error estimate of order 4; the last stage is the next step's first.

    Every row has its own time and step size (PI control), so that a face does not depend on the others of its batch.

    Args:
        field: the velocity.
        x: (B, D) at time start.
        start, end: times; end < start runs backwards.
        tolerance: absolute and relative, on the root mean square over a row.

    Returns:
        (B, D) at time end.

    Raises:
        BackendError: the velocity is too rough for the tolerance, or not finite.
    """
    time = np.full(len(x), start)
    step = np.full(len(x), 0.1 * (end - start))
    before = np.ones(len(x))
    first = np.asarray(field(x, time, time), np.float64)
    for _ in range(MOST_TRIES):
        left = end - time
        if not left.any():
            return x
        last = np.abs(step) >= np.abs(left)
        h = np.where(last, left, step)
        slopes = [first]
        for node, row in zip(_NODES[1:], _STAGES):
            point = x + h[:, None] * sum(weight * slope for weight, slope in zip(row, slopes))
            at = time + node * h
            slopes.append(np.asarray(field(point, at, at), np.float64))
        # The sixth row of the tableau is the fifth-order solution itself.
        scale = tolerance * (1.0 + np.maximum(np.abs(x), np.abs(point)))
        error = h[:, None] * sum(weight * slope for weight, slope in zip(_ERROR, slopes))
        size = np.maximum(np.sqrt(np.mean((error / scale) ** 2, axis=1)), 1e-10)
        if not np.isfinite(size).all():
            raise BackendError("the velocity is not finite, so no face was made.", FINITE_CURE)
        good = size <= 1.0
        x = np.where(good[:, None], point, x)
        first = np.where(good[:, None], slopes[-1], first)
        time = np.where(good, np.where(last, end, time + h), time)
        step = np.where(left == 0.0, step, h * np.clip(0.9 * size**-0.14 * before**0.08, 0.2, 5.0))
        before = np.where(good, size, before)
    raise BackendError(
        f"dopri5 did not get from time {start:g} to {end:g} in {MOST_TRIES} steps of tolerance {tolerance:g}.",
        "Use a solver with fixed steps, such as heun, or --backend openvino-f32.",
    )


def solve(
    field: Field,
    x: NDArray[np.floating],
    solver: str,
    steps: int | None,
    start: float = 0.0,
    end: float = 1.0,
    shift: float = 1.0,
) -> F64:
    """Follows a field from one time to another.

    Args:
        field: the velocity.
        x: (B, D) at time start.
        solver: a name in SOLVERS.
        steps: how many; None for dopri5, which chooses them.
        start, end: times; end < start runs backwards.
        shift: of the time grid.

    Returns:
        (B, D) float64 at time end.

    Raises:
        InputError: no such solver, or steps that do not go with it.
        BackendError: see `dopri5`.
    """
    check_solver(solver, steps)
    state = np.asarray(x, np.float64)
    if solver == ADAPTIVE or steps is None:
        return dopri5(field, state, start, end)
    grid = time_grid(steps, start, end, shift)
    for time, after in zip(grid[:-1], grid[1:]):
        state = STEPS[solver](field, state, np.full(len(state), time), np.full(len(state), after))
    return state


def check_solver(solver: str, steps: int | None) -> None:
    """Checks a solver's name, and that steps are given where it takes them.

    Raises:
        InputError: they do not go together.
    """
    if solver not in SOLVERS:
        raise InputError(f"solver={solver!r}: one of {', '.join(SOLVERS)} expected.")
    if (solver == ADAPTIVE) != (steps is None):
        raise InputError(
            f"solver {solver!r} and steps={steps}: {ADAPTIVE} chooses its own steps, and every other one is told them.",
            f"Leave the steps out with {ADAPTIVE}.",
        )
    if steps is not None:
        time_grid(steps)
