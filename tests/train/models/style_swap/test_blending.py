"""Style blending module: eqs. 1-3 and acceptance tests F4 A(1), (3), (4)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from train.losses.reconstruction import reconstruction_loss
from train.models.layers import parameter_count
from train.models.style_swap import PRESETS, Blending, BlendingConfig, StyleSwap, StyleSwapConfig
from train.models.style_swap.blending import CrossAttention

TINY = PRESETS["tiny"]


def _shaken(config: StyleSwapConfig = TINY, by: float = 0.5) -> Blending:
    torch.manual_seed(0)
    blending = Blending(config)
    with torch.no_grad():
        for parameter in blending.parameters():
            parameter.add_(torch.randn_like(parameter) * by)
    return blending


def _codes(seed: int, batch: int = 3) -> Tensor:
    return torch.randn(
        batch, TINY.encoder.styles, TINY.encoder.style_dim, generator=torch.Generator().manual_seed(seed)
    )


def test_equal_codes_come_out_unchanged() -> None:
    codes = _codes(1)
    blended, gate = _shaken()(codes, codes)
    assert torch.equal(blended, codes)
    assert gate.std() > 0.01


def test_gate_is_a_share_and_the_blend_stays_in_the_box() -> None:
    target, source = _codes(1) * 3, _codes(2) * 3
    blended, gate = _shaken()(target, source)
    assert (gate >= 0).all() and (gate <= 1).all()
    assert (blended >= torch.minimum(target, source) - 1e-5).all() and (
        blended <= torch.maximum(target, source) + 1e-5
    ).all()
    assert torch.allclose(blended, gate * target + (1 - gate) * source, atol=1e-5)


def test_starts_half_and_half() -> None:
    target, source = _codes(1), _codes(2)
    blended, gate = Blending(TINY)(target, source)
    assert torch.equal(gate, torch.full_like(gate, 0.5)) and torch.allclose(blended, (target + source) / 2, atol=1e-6)


def test_bias_moves_the_gate_to_the_target() -> None:
    blending = Blending(TINY)
    torch.nn.init.constant_(blending.gate_bias, 20.0)
    target = _codes(1)
    assert torch.allclose(blending(target, _codes(2))[0], target, atol=1e-5)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_attention_takes_the_other_pictures_query() -> None:
    torch.manual_seed(3)
    attention, heads = CrossAttention(8, 2), 2
    other, own = torch.randn(1, 5, 8), torch.randn(1, 5, 8)

    def project(layer: torch.nn.Linear, x: Tensor) -> np.ndarray:
        return layer(x)[0].detach().numpy().reshape(5, heads, 4).transpose(1, 0, 2)

    query, key, value = project(attention.query, other), project(attention.key, own), project(attention.value, own)
    mixed = _softmax(query @ key.transpose(0, 2, 1) / np.sqrt(4)) @ value
    expected = (
        mixed.transpose(1, 0, 2).reshape(5, 8) @ attention.output.weight.detach().numpy().T
        + attention.output.bias.detach().numpy()
    )
    assert np.allclose(attention(other, own)[0].detach().numpy(), expected, atol=1e-5)


def test_attention_in_training_has_the_gradients_of_torchs_own() -> None:
    torch.manual_seed(3)
    attention, codes, upstream = CrossAttention(8, 2), torch.randn(2, 3, 5, 8), torch.randn(3, 5, 8)
    results = []
    for net in (attention.train(), attention.eval()):
        into = codes.clone().requires_grad_()
        out = net(into[0], into[1])
        results.append([out, *torch.autograd.grad(out, [into, *net.parameters()], upstream)])
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_streams_have_weights_of_their_own() -> None:
    # Exchanging the pictures does not just mirror the gate.
    blending = _shaken()
    target, source = _codes(1), _codes(2)
    gate, mirrored = blending(target, source)[1], blending(source, target)[1]
    assert (gate - (1 - mirrored)).abs().max() > 1e-2


def test_an_update_uses_the_other_stream_before_its_update() -> None:
    layer = _shaken().layers[0]
    target, source = _codes(1), _codes(2)
    update_t, update_s = layer(target, source)
    t, s = layer.norm_target(target), layer.norm_source(source)
    assert torch.allclose(update_t, layer.attend_target(s, t)) and torch.allclose(update_s, layer.attend_source(t, s))


def test_reconstruction_teaches_the_blending_nothing_when_source_is_target() -> None:
    torch.manual_seed(0)
    network = StyleSwap(TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    picture = torch.rand(2, 3, 32, 32) * 2 - 1
    output = network(picture, picture)
    reconstruction_loss(output.image, picture, torch.tensor([True, True])).backward()
    assert all(p.grad is None or not p.grad.any() for p in network.blending.parameters())
    assert any(p.grad is not None and bool(p.grad.any()) for p in network.encoder.parameters())
    # with two pictures it does learn
    network.zero_grad()
    network(picture.flip(0), picture).image.square().mean().backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in network.blending.parameters())


@pytest.mark.parametrize(("ratio", "millions"), [(0, 8.4), (4, 25.2)])
def test_size_of_the_paper(ratio: int, millions: float) -> None:
    # specification A2: 8.4 M without feed-forward layers, 25.2 M with them
    config = dataclasses.replace(PRESETS["paper"], blending=BlendingConfig(ffn_ratio=ratio))
    with torch.device("meta"):
        assert parameter_count(Blending(config)) == pytest.approx(millions * 1e6, abs=6e4)


def test_feed_forward_is_part_of_the_last_update() -> None:
    config = dataclasses.replace(TINY, blending=BlendingConfig(layers=2, heads=2, ffn_ratio=2))
    target, source = _codes(1), _codes(2)
    assert torch.equal(Blending(config)(target, source)[1], torch.full_like(target, 0.5))
    blending = _shaken(config, by=0.05)
    before = blending(target, source)[1]
    with torch.no_grad():
        blending.layers[-1].ffn_target[-1].bias.add_(1.0)
    assert torch.allclose(blending(target, source)[1].logit(), before.logit() + 1, atol=1e-2)


def test_limited_gate_never_shuts() -> None:
    """Whatever the updates grow to, the gate stays where its gradient lives."""
    config = dataclasses.replace(TINY, blending=dataclasses.replace(TINY.blending, gate_limit=4.0))
    blending = Blending(config)
    with torch.no_grad():
        for parameter in blending.layers.parameters():
            parameter.mul_(0).add_(torch.randn_like(parameter) * 50)
    shape = (3, config.encoder.styles, config.encoder.style_dim)
    _, gate = blending(torch.randn(shape), torch.randn(shape))
    edge = torch.sigmoid(torch.tensor(4.0))
    assert gate.max() <= edge + 1e-6 and gate.min() >= 1 - edge - 1e-6 and gate.std() > 0.1
