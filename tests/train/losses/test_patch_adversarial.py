"""The adversary's signs, its smoothed labels, the adaptive weight."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from train.losses.patch_adversarial import adaptive_weight, critic_cross_entropy, generator_cross_entropy


def test_descent_on_the_generators_loss_raises_the_critics_opinion() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4, 2, 1))
    picture = torch.randn(2, 3, 16, 16, requires_grad=True)
    generator_cross_entropy(critic(picture)).backward()
    with torch.no_grad():
        before = critic(picture).sigmoid().mean()
        after = critic(picture - 5.0 * picture.grad).sigmoid().mean()
    assert after > before


def test_generators_loss_is_minus_log_d() -> None:
    logits = torch.tensor([[[[0.3, -1.0]]]])
    assert generator_cross_entropy(logits).item() == pytest.approx(-logits.sigmoid().log().mean().item())


def test_critics_loss_falls_when_it_scores_real_higher() -> None:
    fake = torch.zeros(1, 1, 2, 2)
    by_score = [critic_cross_entropy(torch.full((1, 1, 2, 2), s), fake).item() for s in (-1.0, 0.0, 1.0, 2.0)]
    assert by_score == sorted(by_score, reverse=True)
    of_fake = [critic_cross_entropy(fake, torch.full((1, 1, 2, 2), s)).item() for s in (1.0, 0.0, -1.0, -2.0)]
    assert of_fake == sorted(of_fake, reverse=True)


def test_smoothed_labels_are_the_optimum() -> None:
    """The least loss is the entropy of the labels, where D says 0.9 and 0.1; beyond it, being surer costs."""
    real, fake = torch.tensor([math.log(9.0)]), torch.tensor([-math.log(9.0)])
    real.requires_grad_()
    loss = critic_cross_entropy(real, fake)
    loss.backward()
    assert loss.item() == pytest.approx(-2 * (0.9 * math.log(0.9) + 0.1 * math.log(0.1)), rel=1e-5)
    assert real.grad.item() == pytest.approx(0.0, abs=1e-6)
    assert critic_cross_entropy(real.detach() + 2, fake) > loss


def test_adaptive_weight_evens_the_gradients() -> None:
    last = torch.tensor([3.0, 4.0], requires_grad=True)
    reconstruction, adversarial = (last**2).sum(), 0.5 * last[0]
    weight = adaptive_weight(reconstruction, adversarial, last)
    assert weight.item() == pytest.approx(10.0 / (0.5 + 1e-4)) and not weight.requires_grad
    assert adaptive_weight(reconstruction, 1e-9 * last[0], last, most=50.0).item() == 50.0
    # The graph is still there for the backward pass itself.
    (reconstruction + weight * adversarial).backward()
    assert last.grad.norm() > 0
