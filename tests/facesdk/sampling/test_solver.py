"""Solvers: each has the order that it claims, forwards and backwards."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import BackendError, InputError
from facesdk.sampling.schedule import MAX_STEPS, time_grid
from facesdk.sampling.solver import STEPS, dopri5, solve

START = np.array([[1.0, 0.0], [0.3, -0.8], [-2.0, 0.5]])


def turning(x: np.ndarray, time: np.ndarray, end: np.ndarray) -> np.ndarray:
    """dx/dt = (1 + 4 t) J x with J a quarter turn: the solution is x(0) turned by t + 2 t^2."""
    return (1.0 + 4.0 * time)[:, None] * np.stack([-x[:, 1], x[:, 0]], 1)


def turned(x: np.ndarray, begin: float, finish: float) -> np.ndarray:
    angle = finish + 2.0 * finish**2 - begin - 2.0 * begin**2
    c, s = np.cos(angle), np.sin(angle)
    return x @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4)])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_error_falls_with_the_order(solver: str, order: int, backwards: bool):
    begin, finish = (1.0, 0.0) if backwards else (0.0, 1.0)
    exact = turned(START, begin, finish)
    errors = [np.abs(solve(turning, START, solver, steps, begin, finish) - exact).max() for steps in (20, 40, 80)]
    measured = np.log2(errors[0] / errors[1]), np.log2(errors[1] / errors[2])
    assert all(abs(value - order) < 0.25 for value in measured), measured


def test_a_step_written_out():
    # dx/dt = x from 1 over h = 0.5: 1 + h, 1 + h + h^2/2 twice, and the series of exp to h^4.
    def field(x: np.ndarray, time: np.ndarray, end: np.ndarray) -> np.ndarray:
        return x

    one, time, end = np.ones((1, 1)), np.zeros(1), np.full(1, 0.5)
    wanted = {"euler": 1.5, "midpoint": 1.625, "heun": 1.625, "rk4": 1 + 0.5 + 1 / 8 + 1 / 48 + 1 / 384}
    for name, value in wanted.items():
        assert STEPS[name](field, one, time, end)[0, 0] == pytest.approx(value, abs=1e-12)


def test_euler_asks_for_the_mean_velocity_and_every_other_solver_for_the_velocity():
    seen: list[tuple[float, float]] = []

    def field(x: np.ndarray, time: np.ndarray, end: np.ndarray) -> np.ndarray:
        seen.append((float(time[0]), float(end[0])))
        return np.zeros_like(x)

    solve(field, START, "euler", 4)
    assert seen == [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]
    for solver, evaluations in (("midpoint", 2), ("heun", 2), ("rk4", 4), ("dopri5", None)):
        seen.clear()
        solve(field, START, solver, 3 if evaluations else None)
        assert all(time == end for time, end in seen)
        assert evaluations is None or len(seen) == 3 * evaluations


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_dopri5_keeps_its_tolerance(tolerance: float):
    for begin, finish in ((0.0, 1.0), (1.0, 0.2)):
        exact = turned(START, begin, finish)
        error = np.abs(dopri5(turning, START, begin, finish, tolerance) - exact).max()
        assert error < 20 * tolerance


def test_dopri5_is_of_fifth_order():
    """The steps that it takes grow with the fifth root of the tolerance."""
    calls = []
    for tolerance in (1e-5, 1e-10):
        count = 0

        def field(x: np.ndarray, time: np.ndarray, end: np.ndarray) -> np.ndarray:
            nonlocal count
            count += 1
            return turning(x, time, end)

        dopri5(field, START, 0.0, 1.0, tolerance)
        calls.append(count)
    assert 6 < calls[1] / calls[0] < 14


def test_dopri5_treats_every_row_alone():
    together = dopri5(turning, START, 0.0, 1.0)
    for row in range(len(START)):
        np.testing.assert_allclose(dopri5(turning, START[row : row + 1], 0.0, 1.0)[0], together[row], atol=1e-14)


def test_dopri5_gives_up():
    rng = np.random.default_rng(0)
    with pytest.raises(BackendError, match="did not get from time 0 to 1"):
        dopri5(lambda x, t, e: 1e3 * rng.normal(size=x.shape), START, 0.0, 1.0, 1e-9)
    with pytest.raises(BackendError, match="not finite"):
        dopri5(lambda x, t, e: x * np.nan, START, 0.0, 1.0)


def test_no_way_is_no_step():
    for solver, steps in (("rk4", 3), ("dopri5", None)):
        np.testing.assert_array_equal(solve(turning, START, solver, steps, 0.4, 0.4), START)


def test_time_grid():
    np.testing.assert_allclose(time_grid(4), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(time_grid(2, 1.0, 0.2), [1.0, 0.6, 0.2])
    shifted = time_grid(4, shift=3.0)
    np.testing.assert_allclose(shifted, [0, 0.5, 0.75, 0.9, 1.0])
    np.testing.assert_allclose(time_grid(4, shift=1 / 3), 1 - shifted[::-1])


@pytest.mark.parametrize(
    ("solver", "steps", "text"),
    [
        ("leapfrog", 4, "one of euler, midpoint, heun, rk4, dopri5"),
        ("euler", 0, "steps=0: 1 to"),
        ("euler", MAX_STEPS + 1, "steps=1001"),
        ("rk4", None, "every other one is told them"),
        ("dopri5", 4, "dopri5 chooses its own steps"),
    ],
)
def test_bad_input(solver: str, steps: int | None, text: str):
    with pytest.raises(InputError, match=text):
        solve(turning, START, solver, steps)
    with pytest.raises(InputError, match="times 0 to 1"):
        time_grid(2, -0.1)
