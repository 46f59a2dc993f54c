"""Hinge losses: values and signs of eqs. 5-7."""

from __future__ import annotations

import pytest
import torch

from train.losses.adversarial import discriminator_hinge, generator_hinge


def test_values() -> None:
    real = [torch.tensor([[[[2.0, 0.0]]]]), torch.tensor([[[[-1.0]]]])]
    fake = [torch.tensor([[[[-2.0, 1.0]]]]), torch.tensor([[[[0.5]]]])]
    # real: (relu(-1) + relu(1)) / 2 = .5 and relu(2) = 2; fake: (relu(-1) + relu(2)) / 2 = 1 and relu(1.5) = 1.5
    assert discriminator_hinge(real, fake).item() == pytest.approx((0.5 + 2) / 2 + (1 + 1.5) / 2)
    assert generator_hinge(fake).item() == pytest.approx(-((-2 + 1) / 2 + 0.5) / 2)


def test_signs() -> None:
    real, fake = torch.zeros(3, 1, 2, 2, requires_grad=True), torch.zeros(3, 1, 2, 2, requires_grad=True)
    discriminator_hinge([real], [fake]).backward()
    assert (real.grad < 0).all() and (fake.grad > 0).all()
    fake.grad = None
    generator_hinge([fake]).backward()
    assert (fake.grad < 0).all()


def test_satisfied_margin_has_no_gradient() -> None:
    real, fake = torch.full((1, 1, 2, 2), 1.5, requires_grad=True), torch.full((1, 1, 2, 2), -1.5, requires_grad=True)
    loss = discriminator_hinge([real], [fake])
    loss.backward()
    assert loss.item() == 0 and not real.grad.any() and not fake.grad.any()
