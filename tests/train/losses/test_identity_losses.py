"""Eqs. 8 and 9 in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from train.losses.contrastive import contrastive_identity_loss
from train.losses.identity import identity_loss


def test_identity_is_one_minus_cosine() -> None:
    first, second = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, -5.0]])
    assert identity_loss(first, second).item() == pytest.approx(((1 - math.sqrt(0.5)) + 2) / 2, abs=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
def test_contrastive_by_hand(decoupled: bool) -> None:
    # Orthogonal people: 8 axes, so that every cosine but the intended is 0 and no negative counts as the same person.
    axes, tau = torch.eye(8), 0.5
    source, target = axes[:3], axes[3:6]
    result = 0.8 * source + 0.6 * target
    positive, own, other = math.exp(0.8 / tau), math.exp(0.6 / tau), 4 * math.exp(0.0)
    denominator = own + other + (0.0 if decoupled else positive)
    found = contrastive_identity_loss(result, source, target, temperature=tau, decoupled=decoupled)
    assert found.item() == pytest.approx(-math.log(positive / denominator), abs=1e-5)


def test_contrastive_leaves_out_same_person_and_same_picture() -> None:
    torch.manual_seed(0)
    axes = torch.eye(16)
    source, target = axes[:2], axes[2:4]
    result = F.normalize(source + 0.3 * target)
    plain = contrastive_identity_loss(result, source, target, temperature=0.5)
    # A queue entry that is the first source's twin is no negative for row 0, but is one for row 1.
    twin = contrastive_identity_loss(result, source, target, queue=source[:1], temperature=0.5)
    only_first = contrastive_identity_loss(
        result, source, target, same=torch.tensor([False, True]), queue=source[:1], temperature=0.5
    )
    only_first_plain = contrastive_identity_loss(
        result, source, target, same=torch.tensor([False, True]), temperature=0.5
    )
    assert only_first.item() == pytest.approx(only_first_plain.item())
    assert twin > plain
    assert contrastive_identity_loss(result, source, target, same=torch.tensor([True, True])).item() == 0


def test_contrastive_pulls_to_source_and_away_from_target() -> None:
    torch.manual_seed(1)
    source, target = F.normalize(torch.randn(4, 64)), F.normalize(torch.randn(4, 64))
    result = (source + target).requires_grad_()
    contrastive_identity_loss(result, source, target).backward()
    assert ((result.grad * source).sum(1) < 0).all() and ((result.grad * target).sum(1) > 0).all()
