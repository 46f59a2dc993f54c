"""Path, times, coupling, solvers, guidance and distance, each against what is known of it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from facesdk.errors import InputError
from train.flow.coupling import couple_unconditional, transport_order
from train.flow.frechet import frechet_distance
from train.flow.guidance import conditioned
from train.flow.path import path_point, path_velocity
from train.flow.reflow import make_pairs
from train.flow.solve import few_steps, integrate, midpoint
from train.flow.times import few_step_spans, logit_normal, time_spans
from train.models.latent_flow.velocity import PRESETS, VelocityNet


def test_path_goes_from_noise_to_data_at_its_velocity() -> None:
    noise, data = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(path_point(noise, data, torch.zeros(4)), noise)
    assert torch.allclose(path_point(noise, data, torch.ones(4)), data)
    step = path_point(noise, data, torch.full((4,), 0.6)) - path_point(noise, data, torch.full((4,), 0.5))
    assert torch.allclose(step / 0.1, path_velocity(noise, data), atol=1e-5)


def test_every_solver_follows_the_oracle_to_the_data_in_one_step() -> None:
    noise, data = torch.randn(4, 3), torch.randn(4, 3)

    def oracle(x: Tensor, time: Tensor, end: Tensor) -> Tensor:
        return data - noise

    for found in (
        few_steps(oracle, noise, 1), midpoint(oracle, noise, 1), integrate(oracle, noise),
        *(integrate(oracle, noise, method=method, steps=1) for method in ("euler", "midpoint", "heun2", "rk4")),  # type: ignore[arg-type]
    ):  # fmt: skip
        assert torch.allclose(found, data, atol=1e-5)


def _decay(x: Tensor, time: Tensor, end: Tensor) -> Tensor:
    return -2 * x * time[:, None]


def test_orders_on_a_known_equation() -> None:
    # dx/dt = -2 t x, x(1) = x(0) / e
    x = torch.ones(1, 1, dtype=torch.float64)

    def error(found: Tensor) -> float:
        return abs(found.item() - np.exp(-1))

    for order, solve in (
        (1, few_steps),
        (2, midpoint),
        (4, lambda v, x, n: integrate(v, x, method="rk4", steps=n)),
    ):
        assert np.log2(error(solve(_decay, x, 16)) / error(solve(_decay, x, 32))) == pytest.approx(order, abs=0.4)
    assert error(integrate(_decay, x, tolerance=1e-9)) < 1e-8


def test_backwards_is_the_inverse() -> None:
    noise = torch.randn(3, 2, dtype=torch.float64)
    latent = integrate(_decay, noise, tolerance=1e-8)
    assert torch.allclose(integrate(_decay, latent, 1.0, 0.0, tolerance=1e-8), noise, atol=1e-6)


def test_reference_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="number of steps"):
        integrate(_decay, torch.ones(1, 1), method="euler")
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(InputError, match="torchdiffeq"):
        integrate(_decay, torch.ones(1, 1))


def test_transport_is_the_best_of_all_permutations() -> None:
    from itertools import permutations

    rng = np.random.default_rng(0)
    for _ in range(5):
        noise, data = (rng.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
        order = transport_order(noise, data)
        best = min(permutations(range(5)), key=lambda p: ((noise[list(p)] - data) ** 2).sum())
        assert tuple(order) == best


def test_coupling_moves_only_the_noise_of_rows_that_say_nothing() -> None:
    rng = np.random.default_rng(1)
    noise, data = (rng.normal(size=(40, 4)).astype(np.float32) for _ in range(2))
    free = rng.random(40) < 0.5
    before = data.copy()
    coupled = couple_unconditional(noise, data, free)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_array_equal(coupled[~free], noise[~free])
    assert sorted(map(tuple, coupled[free])) == sorted(map(tuple, noise[free]))
    assert ((coupled - data) ** 2)[free].sum() < 0.8 * ((noise - data) ** 2)[free].sum()
    np.testing.assert_array_equal(couple_unconditional(noise, data, np.zeros(40, bool)), noise)


def test_times_lie_where_they_are_said_to() -> None:
    times = logit_normal(np.random.default_rng(0), 20_000, mean=0.4)
    assert times.min() > 0 and times.max() < 1
    assert np.median(times) == pytest.approx(1 / (1 + np.exp(-0.4)), abs=0.01)
    time, end = time_spans(np.random.default_rng(0), 1000, share=0.25)
    assert (time[250:] == end[250:]).all() and (time[:250] < end[:250]).all()
    assert time.min() >= 0 and end.max() <= 1
    begin, stop = few_step_spans(np.random.default_rng(0), 1000)
    assert {(a, b) for a, b in zip(begin.tolist(), stop.tolist())} == {
        (0, 1), (0, 0.5), (0.5, 1), (0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1),
    }  # fmt: skip


class _Sum(nn.Module):
    """x plus what is said, so that guidance can be read off the result."""

    def forward(self, x: Tensor, time: Tensor, end: Tensor, condition: Tensor, identity: Tensor) -> Tensor:
        return x + condition.sum(1, keepdim=True) + 10 * identity.sum(1, keepdim=True) + time[:, None]


def test_guidance_extrapolates_from_nothing_said() -> None:
    x, time = torch.randn(3, 2), torch.rand(3)
    condition, identity = torch.ones(3, 4), torch.full((3, 1), 0.5)
    nothing = x + time[:, None]
    for guidance in (0.0, 1.0, 2.5):
        found = conditioned(_Sum(), condition, identity, guidance)(x, time, time)
        assert torch.allclose(found, nothing + guidance * 9, atol=1e-5)


def test_frechet_distance_of_known_moments() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    # Same covariance: the shift alone. Three times the spread: (3 - 1)^2 tr C.
    assert frechet_distance(points + [3, 0, 4], points) == pytest.approx(25, rel=1e-6)
    centred = points - points.mean(0)
    assert frechet_distance(3 * centred, centred) == pytest.approx(4 * np.trace(np.cov(centred.T)), rel=1e-6)
    other = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 3))
    one, two = np.cov(points.T), np.cov(other.T)
    expected = ((points.mean(0) - other.mean(0)) ** 2).sum() + np.trace(one + two - 2 * np.real(sqrtm(one @ two)))
    assert frechet_distance(points, other) == pytest.approx(expected, rel=1e-6)


def test_pairs_are_the_flow_of_their_teacher_and_the_same_again() -> None:
    torch.manual_seed(0)
    net = VelocityNet(PRESETS["tiny"])
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.1)

    def wishes(count: int, seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(count, 27, generator=generator), torch.zeros(count, 32)

    pairs = make_pairs(net, wishes, 10, 4, seed=3, batch=4)
    expected = midpoint(conditioned(net, pairs.condition, pairs.identity), pairs.noise, 4)
    assert torch.allclose(pairs.latent, expected, atol=1e-5)
    again = make_pairs(net, wishes, 10, 4, seed=3, batch=4)
    assert all(torch.equal(a, b) for a, b in zip(pairs, again))
    assert not torch.equal(pairs.noise, make_pairs(net, wishes, 10, 4, seed=4).noise)
    exact = make_pairs(net, wishes, 10, None, seed=3)
    assert torch.allclose(pairs.latent, exact.latent, atol=0.05)
