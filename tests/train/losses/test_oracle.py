"""Supervision by the exact swap."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses.oracle import changed_region, gate_loss, mask_loss, oracle_losses, picture_loss


def test_changed_region_is_grown_by_one_pixel() -> None:
    target = torch.zeros(1, 3, 8, 8)
    exact = target.clone()
    exact[0, 1, 4, 4] = 0.5
    exact[0, 0, 0, 0] = 0.05  # below 16 / 255
    changed = changed_region(exact, target)[0, 0]
    assert changed.sum() == 9 and changed[3:6, 3:6].all()


def test_picture_loss_of_a_constant_error_has_no_gradient_term() -> None:
    exact = torch.zeros(1, 3, 16, 16)
    changed = torch.zeros(1, 1, 16, 16)
    assert picture_loss(exact + 0.25, exact, changed).item() == pytest.approx(0.25)


def test_picture_loss_weighs_the_changed_region_more() -> None:
    exact, changed = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    changed[..., :8] = 1
    inside, outside = exact.clone(), exact.clone()
    inside[..., :8], outside[..., 8:] = 0.5, 0.5
    ratio = picture_loss(inside, exact, changed, gradient=0) / picture_loss(outside, exact, changed, gradient=0)
    assert ratio.item() == pytest.approx(4.0)


def test_gradient_term_by_hand() -> None:
    exact, changed = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    image = exact.clone()
    image[..., 2:] = 1.0
    # L1: half the pixels are wrong by 1; gradients: one of the three steps across is 1, none down.
    assert picture_loss(image, exact, changed, scales=1).item() == pytest.approx(0.5 + 1 / 3)


def test_mask_and_gate_losses_are_cross_entropies() -> None:
    changed = torch.zeros(1, 1, 8, 8)
    changed[..., :4] = 1
    assert mask_loss(torch.zeros(1, 1, 8, 8), changed).item() == pytest.approx(math.log(2))
    gate = torch.full((1, 1, 4, 4), 0.9)
    expected = -(math.log(0.1) + math.log(0.9)) / 2  # closed is wanted on the left half, open on the right
    assert gate_loss([gate], changed).item() == pytest.approx(expected, abs=1e-5)
    assert gate_loss([], changed).item() == 0
    coarse = torch.full((1, 1, 2, 2), 0.5)
    assert gate_loss([coarse, gate], changed, finest_from=4).item() == pytest.approx(expected, abs=1e-5)
    assert gate_loss([coarse], changed, finest_from=4).item() == 0 < gate_loss([coarse], changed).item()


def test_a_closed_mask_leaves_the_picture_its_gradient() -> None:
    # The trap of a composite alone: the mask closes and nothing is learned any more.
    torch.manual_seed(0)
    target, exact = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    image = torch.rand(1, 3, 8, 8, requires_grad=True)
    closed = torch.full((1, 1, 8, 8), -60.0)
    terms = oracle_losses(image, closed, (), exact, target, changed_region(exact, target))
    assert set(terms) == {"picture", "mask", "composite"}
    (of_composite,) = torch.autograd.grad(terms["composite"], image, retain_graph=True)
    (of_picture,) = torch.autograd.grad(terms["picture"], image)
    assert of_composite.abs().max() < 1e-8 < of_picture.abs().max()


def test_exact_swap_costs_nothing() -> None:
    torch.manual_seed(0)
    target, exact = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    changed = changed_region(exact, target)
    terms = oracle_losses(exact, changed * 200 - 100, [1 - changed], exact, target, changed)
    assert terms["picture"].item() == 0
    assert max(value.item() for value in terms.values()) < 1e-2
