"""ArcFace in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses.margin import ArcFaceHead


def _head(scale: float = 10.0) -> ArcFaceHead:
    head = ArcFaceHead(2, 2, scale)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 0.5]]))
    return head


@pytest.mark.parametrize("degrees", [10.0, 60.0, 120.0])
def test_cosine_of_the_widened_angle(degrees: float) -> None:
    theta, margin = math.radians(degrees), 0.5
    embedding = 7 * torch.tensor([[math.cos(theta), math.sin(theta)]])
    logits = _head()(embedding, torch.tensor([0]), margin)
    assert logits[0, 0].item() == pytest.approx(10 * math.cos(theta + margin), abs=1e-4)
    assert logits[0, 1].item() == pytest.approx(10 * math.sin(theta), abs=1e-4)


def test_no_margin_is_a_cosine_softmax() -> None:
    torch.manual_seed(0)
    embedding = torch.randn(4, 2)
    logits = _head()(embedding, torch.tensor([0, 1, 0, 1]), 0.0)
    unit = torch.nn.functional.normalize(embedding)
    assert torch.allclose(logits, 10 * unit, atol=1e-4)


def test_falls_monotonously_past_pi() -> None:
    angles = torch.linspace(0.01, math.pi - 0.01, 200)
    embedding = torch.stack([angles.cos(), angles.sin()], 1)
    logits = _head()(embedding, torch.zeros(200, dtype=torch.int64), 0.5)[:, 0]
    assert (logits.diff() < 0).all()


def test_finite_gradient_on_the_centre() -> None:
    head = _head()
    embedding = torch.tensor([[1.0, 0.0]], requires_grad=True)
    head(embedding, torch.tensor([0]), 0.5)[0, 0].backward()
    assert embedding.grad.isfinite().all()
