"""The rate: closed form against a draw, signs, free bits, the controller."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses.kl import RateController, free_bits, kl_per_dimension


def test_closed_form_is_the_mean_of_the_log_ratio() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[0.0, 1.2, -0.4, 2.0]]), torch.tensor([[0.0, -2.0, 0.7, -5.0]])
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    z = posterior.sample((60_000,))
    drawn = (posterior.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).mean(0)
    found = kl_per_dimension(mean, log_variance)
    torch.testing.assert_close(found, drawn, atol=0.02, rtol=0.01)
    assert found[0, 0] == 0 and (found[0, 1:] > 0).all()


def test_descent_makes_the_code_less_sure() -> None:
    """Seed 003 subtracts the KL; added, its gradient pulls the mean to 0 and the variance to 1."""
    mean, log_variance = torch.tensor([[1.5, -0.5]]), torch.tensor([[-3.0, 2.0]])
    mean.requires_grad_()
    log_variance.requires_grad_()
    before = kl_per_dimension(mean, log_variance).sum()
    before.backward()
    torch.testing.assert_close(mean.grad, mean.detach())
    assert log_variance.grad[0, 0] < 0 < log_variance.grad[0, 1]
    with torch.no_grad():
        after = kl_per_dimension(mean - 0.1 * mean.grad, log_variance - 0.1 * log_variance.grad).sum()
    assert after < before


def test_free_bits_cost_their_floor_and_give_no_gradient() -> None:
    kl = torch.tensor([[0.01, 2.0], [0.03, 4.0]], requires_grad=True)
    loss = free_bits(kl, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(0.1 + 3.0)
    torch.testing.assert_close(kl.grad, torch.tensor([[0.0, 0.5], [0.0, 0.5]]))


@pytest.mark.parametrize("start", [1e-6, 1.0])
def test_controller_holds_the_rate_of_a_gaussian_source(start: float) -> None:
    """A code of unit variance and error d per number at weight w: R = -log(d) / 2, and the best d is w."""
    controller = RateController(2.5, start, gain=0.05)
    for _ in range(600):
        weight = controller.log_weight.exp()
        controller.step(-0.5 * weight.clamp(max=1.0).log())
    assert (-0.5 * controller.log_weight).item() == pytest.approx(2.5, abs=0.02)


def test_controller_moves_its_state_and_at_most_by_its_gain() -> None:
    controller = RateController(2.0, 1e-3, gain=0.01)
    controller.step(torch.tensor(1e9))
    assert controller.log_weight.item() == pytest.approx(math.log(1e-3) + 0.01)
    controller.step(torch.tensor(0.0))
    assert controller.log_weight.item() == pytest.approx(math.log(1e-3))
    assert list(controller.state_dict()) == ["log_weight"]
