"""Decoder: acceptance tests F4 A(2), (7), shortcuts and their extensions, sizes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from train.models.layers import parameter_count
from train.models.style_swap import PRESETS, Decoder, DecoderConfig, StyleSwapConfig
from train.models.style_swap.shortcut import TargetShortcut

TINY = PRESETS["tiny"]
# The paper's own path, small: ones, equalised, blurred, fused, no extension.
PLAIN = dataclasses.replace(TINY, decoder=DecoderConfig(channels=(16, 16, 8, 8), shortcuts=(8, 16), fused_from=32))


def _inputs(config: StyleSwapConfig, batch: int = 2) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(batch, config.encoder.styles, config.encoder.style_dim, generator=generator)
    features = [
        torch.randn(batch, config.feature_channels[r], r, r, generator=generator) for r in config.decoder.shortcuts
    ]
    return codes, features


@pytest.mark.parametrize("config", [TINY, PLAIN])
def test_at_the_start_the_target_has_no_effect(config: StyleSwapConfig) -> None:
    torch.manual_seed(0)
    decoder = Decoder(config).eval()
    codes, features = _inputs(config)
    image = decoder(codes, features)[0]
    assert torch.equal(image, decoder(codes, [torch.zeros_like(f) for f in features])[0])
    # plain synthesis: the blocks alone
    x = None
    for i, block in enumerate(decoder.blocks):
        x = block(x, (codes[:, 2 * i], codes[:, 2 * i + 1]), "fixed")
    assert torch.allclose(decoder.to_rgb(x)[:, :3], image, atol=1e-6)
    # and each shortcut has one once it is no longer zero
    for r in config.decoder.shortcuts:
        with torch.no_grad():
            decoder.shortcuts[str(r)].conv.weight.normal_(std=0.1)
        opened = decoder(codes, features)[0]
        assert (opened - image).abs().max() > 1e-3
        image = opened


def test_fixed_noise_is_the_same_every_time_and_random_is_not() -> None:
    torch.manual_seed(0)
    decoder = Decoder(TINY).eval()
    with torch.no_grad():
        for block in decoder.blocks[:3]:
            block.layer0.noise_weight.fill_(0.5)
    assert [block.layer0.noisy for block in decoder.blocks] == [True, True, True, False]  # tiny: noise up to 16 px
    codes, features = _inputs(TINY)
    assert torch.equal(decoder(codes, features, "fixed")[0], decoder(codes, features, "fixed")[0])
    assert (decoder(codes, features, "random")[0] - decoder(codes, features, "random")[0]).abs().max() > 1e-3
    again = Decoder(TINY).eval()
    again.load_state_dict(decoder.state_dict())
    assert torch.equal(again(codes, features)[0], decoder(codes, features)[0])  # the noise is saved with the weights


@pytest.mark.parametrize("config", [TINY, PLAIN])
def test_training_and_evaluation_agree(config: StyleSwapConfig) -> None:
    torch.manual_seed(0)
    decoder = Decoder(config)
    with torch.no_grad():
        for shortcut in decoder.shortcuts.values():
            shortcut.conv.weight.normal_(std=0.1)
    codes, features = _inputs(config)
    assert torch.allclose(decoder.train()(codes, features)[0], decoder.eval()(codes, features)[0], atol=1e-3)


def test_shortcut_in_training_has_the_gradients_of_evaluation() -> None:
    torch.manual_seed(0)
    shortcut = TargetShortcut(6, 20, TINY.decoder)
    with torch.no_grad():
        for parameter in shortcut.parameters():
            parameter.normal_(std=0.3)
    x, feature = torch.randn(2, 20, 8, 8), torch.randn(2, 6, 8, 8)
    results = []
    for net in (shortcut.train(), shortcut.eval()):
        into = [x.clone().requires_grad_(), feature.clone().requires_grad_()]
        out, gate, flow = net(*into)
        total = out.square().sum() + gate.sum() + flow.square().sum()
        results.append([out, gate, flow, *torch.autograd.grad(total, [*into, *net.parameters()])])
    assert results[0][2].abs().max() > 0.01
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-3)


def test_each_style_reaches_the_picture() -> None:
    torch.manual_seed(0)
    decoder = Decoder(TINY).eval()
    codes, features = _inputs(TINY)
    codes.requires_grad_()
    decoder(codes, features)[0].square().sum().backward()
    assert (codes.grad.abs().amax((0, 2)) > 1e-6).all()


def test_extensions_report_gate_flow_and_mask() -> None:
    torch.manual_seed(0)
    codes, features = _inputs(TINY)
    image, mask, aux = Decoder(TINY)(codes, features)
    assert image.shape == (2, 3, 32, 32) and mask.shape == (2, 1, 32, 32)
    assert [g.shape for g in aux.gates] == [(2, 1, 8, 8), (2, 1, 16, 16)] and [f.shape for f in aux.flows] == [
        (2, 2, 8, 8),
        (2, 2, 16, 16),
    ]
    assert not any(flow.any() for flow in aux.flows)  # no movement at the start
    image, mask, aux = Decoder(PLAIN)(codes, _inputs(PLAIN)[1])
    assert mask is None and aux.gates == () and aux.flows == ()


def test_flow_stays_in_its_range_and_a_closed_gate_keeps_the_target_out() -> None:
    torch.manual_seed(0)
    decoder = Decoder(TINY).eval()
    codes, features = _inputs(TINY)
    plain = decoder(codes, features)[0]
    with torch.no_grad():
        for shortcut in decoder.shortcuts.values():
            shortcut.conv.weight.normal_(std=0.1)
            shortcut.flow.weight.normal_(std=5.0)
    image, _, aux = decoder(codes, features)
    assert all(0.15 < flow.abs().max() <= 0.2 for flow in aux.flows)
    assert (image - plain).abs().max() > 1e-3
    with torch.no_grad():
        for shortcut in decoder.shortcuts.values():
            shortcut.gate_activation.bias.fill_(-60.0)
    assert torch.allclose(decoder(codes, features)[0], plain, atol=1e-5)


def test_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        decoder = Decoder(PRESETS["paper"])
    # specification A3: synthesis 24.11 M at 1024
    assert parameter_count(decoder) - parameter_count(decoder.shortcuts) == pytest.approx(24.11e6, abs=5e3)
    assert [block.layer0.fused for block in decoder.blocks] == [False] * 5 + [True] * 4
    assert PRESETS["paper"].output_size == 1024 and PRESETS["paper"].feature_names == (
        "feature_16",
        "feature_32",
        "feature_64",
    )
    assert [s.conv.weight.shape[:2] for s in decoder.shortcuts.values()] == [(512, 512), (512, 512), (256, 512)]
