"""The average velocity: a case with a closed form, and the limits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.flow.guidance import conditioned
from train.flow.mean_flow import adaptive_error, mean_flow_target
from train.flow.solve import few_steps
from train.models.latent_flow.velocity import PRESETS, VelocityNet

SPREAD = 0.3  # of the data; the noise has 1


def _variance(time: Tensor) -> Tensor:
    return (1 - time) ** 2 + (time * SPREAD) ** 2


def _velocity(x: Tensor, time: Tensor) -> Tensor:
    """Of the flow from N(0, 1) to N(0, SPREAD^2), which scales x by the ratio of the standard deviations."""
    slope = 2 * time * SPREAD**2 - 2 * (1 - time)
    return x * (slope / (2 * _variance(time)))[:, None]


def _average(x: Tensor, time: Tensor, end: Tensor) -> Tensor:
    ratio = (_variance(end) / _variance(time)).sqrt()
    return x * ((ratio - 1) / (end - time))[:, None]


def test_the_true_average_velocity_is_its_own_target() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=generator, dtype=torch.float64)
    times = torch.rand(2, 64, generator=generator, dtype=torch.float64).sort(0).values
    time, end = times[0], times[1] + 0.01
    target = mean_flow_target(_average, x, time, end, _velocity(x, time))
    assert torch.allclose(target, _average(x, time, end), atol=1e-10)


def test_a_wrong_average_velocity_is_not() -> None:
    x, time, end = torch.ones(1, 1), torch.tensor([0.2]), torch.tensor([0.9])
    wrong = lambda x, time, end: 0.5 * _average(x, time, end)  # noqa: E731
    assert abs(mean_flow_target(wrong, x, time, end, _velocity(x, time)) - wrong(x, time, end)).item() > 0.05


def test_few_steps_of_the_average_velocity_are_exact() -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    for steps in (1, 2, 4):
        assert torch.allclose(few_steps(_average, x, steps), SPREAD * x, atol=1e-12)


def _net() -> VelocityNet:
    torch.manual_seed(0)
    net = VelocityNet(PRESETS["tiny"])
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def test_no_span_is_plain_flow_matching() -> None:
    x, velocity, time = torch.randn(4, 16), torch.randn(4, 16), torch.rand(4)
    average = conditioned(_net(), torch.randn(4, 27), torch.zeros(4, 32))
    target = mean_flow_target(average, x, time, time, velocity)
    assert torch.equal(target, velocity) and not target.requires_grad


def test_the_derivative_is_the_one_along_the_flow() -> None:
    net = _net().double()
    average = conditioned(net, torch.randn(4, 27).double(), torch.zeros(4, 32).double())
    x, velocity = torch.randn(4, 16).double(), torch.randn(4, 16).double()
    time, end, h = torch.full((4,), 0.3).double(), torch.full((4,), 0.8).double(), 1e-6
    ahead, behind = (average(x + s * h * velocity, time + s * h, end) for s in (1, -1))
    expected = velocity + 0.5 * (ahead - behind) / (2 * h)
    assert torch.allclose(mean_flow_target(average, x, time, end, velocity), expected, atol=1e-5)


def test_the_target_moves_nothing_and_the_prediction_does() -> None:
    net = _net()
    average = conditioned(net, torch.randn(4, 27), torch.zeros(4, 32))
    x, time, end = torch.randn(4, 16), torch.rand(4) * 0.5, torch.ones(4)
    target = mean_flow_target(average, x, time, end, torch.randn(4, 16))
    loss, error = adaptive_error(average(x, time, end), target)
    loss.backward()
    assert not error.requires_grad
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_adaptive_error_weighs_a_row_by_its_own_error() -> None:
    predicted = torch.tensor([[1.0, 0.0], [0.0, 100.0]], requires_grad=True)
    loss, error = adaptive_error(predicted, torch.zeros(2, 2))
    loss.backward()
    assert error.item() == pytest.approx((1 + 100**2) / 4)
    # d/dp of p^2 / (p^2 + c) with the weight held is about 2 / p: the far row pulls less, not more.
    assert predicted.grad is not None
    assert predicted.grad[0, 0].item() == pytest.approx(1 / 1.01)
    assert predicted.grad[1, 1].item() == pytest.approx(0.01, rel=1e-3)
