"""Faster forms for channels last against torch's own: values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.models.style_swap.shortcut import warp, warp_in_training
from train.ops.pictures_last import first, sample_rows


def last(*shape: int) -> Tensor:
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_first_is_a_slice_whose_gradient_lies_channels_last(count: int) -> None:
    torch.manual_seed(0)
    x, upstream = last(5, 4, 3, 2).requires_grad_(), torch.randn(count, 4, 3, 2)
    out = first(x, count)
    assert torch.equal(out, x[:count]) and out.data_ptr() == x.data_ptr()
    (got,) = torch.autograd.grad(out, x, upstream)
    (want,) = torch.autograd.grad(x[:count], x, upstream)
    assert torch.equal(got, want) and got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("reach", [0.0, 0.05, 0.8])
@pytest.mark.parametrize("size", [(6, 9), (1, 5), (4, 4)])
def test_warp_in_training_is_the_warp(reach: float, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    feature, flow = last(2, 5, *size).requires_grad_(), (torch.randn(2, 2, *size) * reach).requires_grad_()
    if not reach:  # between two pixels, where a gradient is one thing: at the middle of one it has two sides
        flow = torch.full_like(flow, 0.01).requires_grad_()
    upstream = torch.randn(2, 5, *size)
    outs = [warp(feature, flow), warp_in_training(feature, flow)]
    grads = [torch.autograd.grad(out, (feature, flow), upstream) for out in outs]
    torch.testing.assert_close(outs[1], outs[0], rtol=1e-4, atol=2e-5)
    for got, want in zip(grads[1], grads[0]):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)


def test_whole_pixels_are_taken_as_they_are() -> None:
    x = last(2, 3, 4, 5)
    columns, rows = torch.meshgrid(torch.arange(5.0), torch.arange(4.0), indexing="xy")
    turned = sample_rows(x, (4 - columns).expand(2, -1, -1), rows.expand(2, -1, -1))
    assert torch.equal(turned, x.flip(3))
    # Far outside: the border.
    corner = sample_rows(x, torch.full((2, 4, 5), 99.0), torch.full((2, 4, 5), -99.0))
    assert torch.equal(corner, x[:, :, :1, 4:].expand_as(corner))


def test_half_floats_are_summed_wide() -> None:
    x = last(1, 16, 8, 8).bfloat16()
    flow = torch.rand(1, 2, 8, 8) * 0.3
    got = warp_in_training(x, flow)
    assert got.dtype == torch.bfloat16 and got.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(got, warp(x.float(), flow).bfloat16(), rtol=8e-3, atol=1e-3)
