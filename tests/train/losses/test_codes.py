"""Supervision of the codes."""

from __future__ import annotations

import pytest
import torch

from train.losses.codes import codes_losses, vector_loss
from train.models.style_swap import PRESETS, CodeHeads, CodeHeadsConfig, StyleSwap


def test_unknown_entries_are_left_out() -> None:
    truth = torch.tensor([[0.0, float("nan")], [float("nan"), 3.0]])
    predicted = torch.tensor([[0.5, 9.0], [9.0, 1.0]], requires_grad=True)
    loss = vector_loss(predicted, truth)
    # smooth L1: 0.5 * 0.25 and 2 - 0.5
    assert loss.item() == pytest.approx((0.125 + 1.5) / 2)
    loss.backward()
    assert predicted.grad.isfinite().all() and predicted.grad[0, 1] == 0 and predicted.grad[1, 0] == 0
    assert vector_loss(predicted, torch.full((2, 2), float("nan"))).item() == 0


def test_each_term_reaches_its_own_code() -> None:
    torch.manual_seed(0)
    network = StyleSwap(PRESETS["tiny"])
    config = PRESETS["tiny"].encoder
    heads = CodeHeads(CodeHeadsConfig(config.styles, config.style_dim, 5, 7, 6))
    output = network(torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32))
    sides = output.codes_source, output.codes_target, output.codes
    terms = codes_losses(heads, *sides, torch.randn(2, 5), torch.randn(2, 7), torch.randn(2, 6))

    def reached(name: str) -> list[bool]:
        found = torch.autograd.grad(
            terms[name], [output.codes_source, output.codes_target, output.codes], retain_graph=True, allow_unused=True
        )
        return [grad is not None and bool(grad.abs().sum() > 0) for grad in found]

    assert reached("code_identity") == [True, False, False]
    assert reached("code_attributes") == [False, True, False]
    # through the blend both codes are reached
    assert reached("code_embedding") == [True, True, True]
    assert reached("blend_identity") == [True, True, True] == reached("blend_attributes")


def test_every_parameter_weighs_alike() -> None:
    heads = CodeHeads(CodeHeadsConfig(2, 4, 2, 2))
    # a large and a small one; the last attribute never changes
    identity = torch.tensor([[0.0, 100.0], [0.0, 300.0], [0.02, 100.0], [0.02, 300.0]])
    attributes = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    heads.set_statistics(identity, attributes)
    standard_identity, standard_attributes = heads.standardise(identity, attributes)
    torch.testing.assert_close(standard_identity.std(0), torch.ones(2))
    torch.testing.assert_close(standard_identity.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    assert standard_attributes.isfinite().all() and (standard_attributes[:, 1] == 0).all()


def test_reading_is_linear_in_the_code() -> None:
    torch.manual_seed(0)
    heads = CodeHeads(CodeHeadsConfig(2, 4, 3, 2, 5))
    a, b = torch.randn(1, 2, 4), torch.randn(1, 2, 4)
    for mixed, one, other in zip(heads((a + b) / 2), heads(a), heads(b)):
        torch.testing.assert_close(mixed, (one + other) / 2)
