"""Layers of the decoder against NumPy and against each other."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from train.models.layers import EqualConv2d, EqualLinear
from train.models.style_swap.config import DecoderConfig
from train.models.style_swap.shortcut import warp
from train.models.style_swap.synthesis import StyleLayer, adain, blur, fused_upsample_conv, upsample_block_input


def test_adain_against_numpy() -> None:
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(2, 3, (2, 3, 5, 7)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    expected = np.empty_like(x)
    for b in range(2):
        for c in range(3):
            plane = x[b, c]
            expected[b, c] = (plane - plane.mean()) / np.sqrt(((plane - plane.mean()) ** 2).mean() + 1e-3) * gamma[
                b, c
            ] + beta[b, c]
    args = [torch.tensor(v, dtype=torch.float32) for v in (x, gamma, beta)]
    for fused in (False, True):
        assert np.allclose(adain(*args, epsilon=1e-3, fused=fused).numpy(), expected, atol=1e-5)


def test_fused_adain_has_the_same_gradients() -> None:
    torch.manual_seed(0)
    weight = torch.randn(2, 3, 6, 6)
    gradients = []
    for fused in (False, True):
        torch.manual_seed(1)
        inputs = [
            torch.randn(2, 3, 6, 6, requires_grad=True),
            torch.randn(2, 3, requires_grad=True),
            torch.randn(2, 3, requires_grad=True),
        ]
        (adain(*inputs, epsilon=1e-5, fused=fused) * weight).sum().backward()
        gradients.append([x.grad for x in inputs])
    for plain, other in zip(*gradients):
        assert torch.allclose(plain, other, atol=1e-4)


def test_adain_takes_its_statistics_in_float32() -> None:
    torch.manual_seed(0)
    # The mean is 1000 times the deviation: half-precision sums would lose it.
    x = (1.0 + 0.01 * torch.randn(1, 2, 64, 64)).bfloat16()
    exact = adain(x.double().float(), torch.ones(1, 2), torch.zeros(1, 2), 1e-8)
    for fused in (False, True):
        out = adain(x, torch.ones(1, 2), torch.zeros(1, 2), 1e-8, fused=fused)
        assert out.dtype == torch.bfloat16
        assert (out.float() - exact).abs().mean() < 0.02


def test_blur_is_the_binomial_filter() -> None:
    impulse = torch.zeros(1, 2, 5, 5)
    impulse[0, 1, 2, 2] = 16.0
    out = blur(impulse)
    assert not out[0, 0].any()
    assert out[0, 1, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert blur(torch.ones(1, 1, 4, 4))[0, 0, 0].tolist() == [0.5625, 0.75, 0.75, 0.5625]  # zeros outside


def test_fused_upsampling_is_the_nearest_picture_under_the_turned_kernel() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 5, 4), torch.randn(6, 3, 3, 3)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight.flip(2, 3), padding=1)
    assert torch.allclose(fused_upsample_conv(x, weight), expected, atol=1e-4)


def test_only_the_upsampling_convolution_is_blurred_and_fused_from_its_resolution() -> None:
    config = DecoderConfig(channels=(4, 4, 4), fused_from=16, shortcuts=())
    assert StyleLayer(4, 4, 16, 8, config, up=True, conv=True).fused
    assert not StyleLayer(4, 4, 8, 8, config, up=True, conv=True).fused
    torch.manual_seed(0)
    x = torch.randn(1, 4, 8, 8)
    for resolution, up in ((16, True), (8, False)):
        layer = StyleLayer(4, 4, resolution, 8, config, up=up, conv=True)
        weight = layer.conv.scaled_weight()
        expected = blur(fused_upsample_conv(x, weight)) if up else F.conv2d(x, weight, padding=1)
        assert torch.allclose(layer._convolve(x), expected, atol=1e-5)


def test_layer_order_noise_bias_activation_adain() -> None:
    torch.manual_seed(0)
    layer = StyleLayer(
        3, 4, 8, 5, DecoderConfig(channels=(4, 4), shortcuts=(), epsilon=1e-5), up=False, conv=True
    ).eval()
    with torch.no_grad():
        layer.noise_weight.normal_()
        layer.bias.normal_()
        layer.style.bias.normal_()
    x, style = torch.randn(2, 3, 8, 8), torch.randn(2, 5)
    y = F.conv2d(x, layer.conv.scaled_weight(), padding=1)
    y = F.leaky_relu(y + layer.noise * layer.noise_weight[:, None, None] + layer.bias[:, None, None], 0.2)
    s = style @ (layer.style.weight * layer.style.scale).T + layer.style.bias
    normal = (y - y.mean((2, 3), keepdim=True)) / (y.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    expected = normal * (s[:, :4, None, None] + 1) + s[:, 4:, None, None]
    assert torch.allclose(layer(x, style, "fixed"), expected, atol=1e-4)


def test_equalised_layers_scale_at_run_time() -> None:
    torch.manual_seed(0)
    conv = EqualConv2d(8, 64, 3)
    assert abs(conv.weight.std().item() - 1) < 0.05
    assert torch.allclose(conv.scaled_weight(), conv.weight * (2 / (8 * 9)) ** 0.5)
    plain = EqualConv2d(8, 64, 3, equalized=False)
    assert abs(plain.weight.std().item() / (2 / (8 * 9)) ** 0.5 - 1) < 0.05
    linear = EqualLinear(16, 4, lr_mul=0.01, bias_init=0.5)
    x = torch.randn(3, 16)
    assert torch.allclose(linear(x), x @ linear.weight.T * (0.01 / 4) + 0.5, atol=1e-6)


def test_warp_moves_by_shares_of_the_picture() -> None:
    torch.manual_seed(0)
    feature = torch.randn(1, 2, 8, 8)
    assert torch.allclose(warp(feature, torch.zeros(1, 2, 8, 8)), feature, atol=1e-5)
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0], flow[:, 1] = 2 / 8, 1 / 8
    moved = warp(feature, flow)
    assert torch.allclose(moved[..., :7, :6], feature[..., 1:, 2:], atol=1e-5)
    assert torch.allclose(moved[..., :7, 7], feature[..., 1:, 7], atol=1e-5)  # the border is repeated


def test_upsampling_keeps_half_floats_under_autocast() -> None:
    x, upstream = torch.randn(2, 4, 5, 3).bfloat16().requires_grad_(), torch.randn(2, 4, 10, 6).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = upsample_block_input(x)
    assert out.dtype == torch.bfloat16
    (grad,) = torch.autograd.grad(out, x, upstream)
    wide = x.detach().float().requires_grad_()
    exact = F.interpolate(wide, scale_factor=2.0, mode="bilinear")
    torch.testing.assert_close(out.float(), exact, rtol=8e-3, atol=8e-3)
    (want,) = torch.autograd.grad(exact, wide, upstream.float())
    torch.testing.assert_close(grad.float(), want, rtol=2e-2, atol=2e-2)
