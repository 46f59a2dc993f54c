"""The attribute classifier: one output a value slot, one loss a kind of attribute."""

from __future__ import annotations

import pytest
import torch

from facesdk.attributes import Attribute
from train.data.attributes import VOCABULARY
from train.losses.attributes import attribute_losses
from train.models.faces.attributes import PRESETS, AttributeNet

ATTRIBUTES = (
    Attribute("age", "scalar", -10.0, 10.0),
    Attribute("hat", "flag"),
    Attribute("hair", "choice", choices=("red", "gray", "bald")),
)


@pytest.mark.parametrize("preset", PRESETS)
def test_one_output_a_value_slot(preset: str) -> None:
    config = PRESETS[preset]
    net = AttributeNet(config).eval()
    assert config.outputs == VOCABULARY.width - len(VOCABULARY.names)
    assert net(torch.zeros(2, 3, config.image_size, config.image_size)).shape == (2, config.outputs)


def test_the_right_answer_costs_nothing_and_the_wrong_one_much() -> None:
    values = torch.tensor([[5.0, 1.0, 2.0]])
    known = torch.ones(1, 3, dtype=torch.bool)
    right = torch.tensor([[0.5, 20.0, 0.0, 0.0, 20.0]])
    wrong = torch.tensor([[-0.5, -20.0, 20.0, 0.0, 0.0]])
    for name, loss in attribute_losses(right, values, known, ATTRIBUTES).items():
        assert loss.item() == pytest.approx(0, abs=1e-4), name
    for name, loss in attribute_losses(wrong, values, known, ATTRIBUTES).items():
        assert loss.item() > 0.5, name


def test_what_is_unknown_does_not_count() -> None:
    values = torch.tensor([[5.0, 1.0, 2.0], [5.0, 1.0, 2.0]])
    known = torch.tensor([[True, True, True], [False, False, False]])
    outputs = torch.zeros(2, 5, requires_grad=True)
    losses = attribute_losses(outputs, values, known, ATTRIBUTES)
    alone = attribute_losses(outputs[:1], values[:1], known[:1], ATTRIBUTES)
    assert {k: v.item() for k, v in losses.items()} == pytest.approx({k: v.item() for k, v in alone.items()})
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert outputs.grad is not None and outputs.grad[0].any() and not outputs.grad[1].any()
    nobody = attribute_losses(outputs[1:], values[1:], known[1:], ATTRIBUTES)
    assert all(loss.item() == 0 for loss in nobody.values())
