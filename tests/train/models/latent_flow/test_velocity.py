"""The velocity net: sizes, its start at zero, and what a span means before it was ever trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.data.attributes import VOCABULARY
from train.models.latent_flow.velocity import PRESETS, VelocityNet, sinusoids


def _inputs(count: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    config = PRESETS["tiny"]
    time = torch.rand(count) * 0.5
    return (
        torch.randn(count, config.latent),
        time,
        time + 0.4,
        torch.randn(count, config.condition),
        torch.nn.functional.normalize(torch.randn(count, config.identity)),
    )


@pytest.mark.parametrize("preset, millions", [("nano", 4.0), ("paper", 68.8)])
def test_sizes(preset: str, millions: float) -> None:
    with torch.device("meta"):
        net = VelocityNet(PRESETS[preset])
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert PRESETS[preset].condition == VOCABULARY.width


def test_starts_at_zero_and_every_input_tells_once_trained() -> None:
    torch.manual_seed(0)
    net = VelocityNet(PRESETS["tiny"])
    inputs = _inputs()
    assert not net(*inputs).any()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    before = net(*inputs)
    for index in range(5):
        changed = list(inputs)
        changed[index] = changed[index] + 0.05
        assert (net(*changed) - before).abs().max() > 1e-3, index


def test_flow_matching_leaves_the_span_alone() -> None:
    """Spans of zero give it no gradient, so a net trained by them has an average velocity equal to its velocity."""
    torch.manual_seed(0)
    net = VelocityNet(PRESETS["tiny"])
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    for _ in range(5):
        x, time, _, condition, identity = _inputs(8)
        loss = (net(x, time, time, condition, identity) - torch.randn(8, 16)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(not p.grad.any() for p in net.span.parameters() if p.grad is not None)
        optimizer.step()
    x, time, end, condition, identity = _inputs()
    velocity = net(x, time, time, condition, identity)
    assert velocity.any() and torch.equal(net(x, time, end, condition, identity), velocity)
    # The first update from a true span does reach it.
    net(x, time, end, condition, identity).sum().backward()
    assert net.span.fc2.weight.grad is not None and net.span.fc2.weight.grad.any()


def test_sinusoids_of_a_known_time() -> None:
    cosines, sines = sinusoids(torch.tensor([0.0, 0.5]), 4, scale=2.0)
    rates = torch.tensor([1.0, 0.01])
    assert torch.allclose(cosines, torch.stack([torch.ones(2), torch.cos(rates)]))
    assert torch.allclose(sines, torch.stack([torch.zeros(2), torch.sin(rates)]))
