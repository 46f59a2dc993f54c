"""Attention layers as one launch on a CUDA device: the style blending layer, and gated self-attention."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facesdk.errors import InputError
from facesdk.ops.cuda import native_cuda
from facesdk.ops.gated_attention import WIDTHS
from facesdk.ops.style_attention import EPSILON, STREAMS
from train.ops.address import DTYPE_NAMES, address, require, require_cuda, stream_of

HALF = (torch.float16, torch.bfloat16)


def style_attention(weights: Mapping[str, Tensor], heads: int, target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """`facesdk.ops.StyleAttention` on a CUDA device, in one cooperative launch, without gradients.

    Args:
        weights: as the state of `train.models.style_swap.blending.BlendingLayer`, all of the tokens' data type.
        heads: attention heads, of 128 columns at most.
        target: (B, L, D) float32, float16 or bfloat16 tokens; D is a multiple of 32. Sums are taken in float32.
        source: (B, L, D), the same data type.

    Returns:
        Updates of target and source, (B, L, D), not yet added.

    Raises:
        InputError: a shape, data type or device does not fit.
        BackendError: the CUDA module is not there.

    Source: seed 000, eq. 1.
    """
    require_cuda("style_attention", target)
    if target.ndim != 3 or not target.numel():
        raise InputError(f"style_attention: tokens (B, L, D) expected, got {tuple(target.shape)}.")
    batch, length, dim = target.shape
    kinds, device = (target.dtype,), target.device
    net = weights.get("ffn_target.1.weight")
    wide = 0 if net is None else len(net)
    tokens = [target.contiguous(), source.contiguous()]
    require("style_attention", "target", tokens[0], (batch, length, dim), tuple(DTYPE_NAMES), device)
    require("style_attention", "source", tokens[1], (batch, length, dim), kinds, device)
    arrays = []
    for stream in STREAMS:
        shapes = _shapes(stream, dim, wide)
        missing = sorted(set(shapes) - set(weights))
        if missing:
            raise InputError(f"style_attention: weights {missing} are missing.")
        for name, shape in shapes.items():
            require("style_attention", name, weights[name], shape, kinds, device)
        arrays.append([address(weights[name]) for name in shapes])
    updates = [torch.empty_like(x) for x in tokens]
    module = native_cuda()
    with torch.cuda.device(device):
        workspace = torch.empty(module.style_attention_workspace(batch, length, dim, wide), device=device)
        module.style_attention(
            DTYPE_NAMES[target.dtype], batch, length, dim, heads, wide, EPSILON, [address(x) for x in tokens], arrays,
            [address(x) for x in updates], address(workspace), stream_of(device),
        )  # fmt: skip
    return updates[0], updates[1]


def gated_attention(
    query: Tensor, key: Tensor, value: Tensor, extra_key: Tensor, extra_value: Tensor, heads: int,
    alpha: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`facesdk.ops.gated_attention` on a CUDA device by tensor cores, without gradients and without a concatenation.

    Args:
        query, key, value: (B, N, heads * width) float16 or bfloat16, as linear layers give them; width 40, 80 or 160.
        extra_key, extra_value: (B, n, heads * width) of the extra tokens; n may be 0.
        heads: attention heads.
        alpha: one float32 number on the device, whose tanh gates the result; by default the gate is 1.

    Returns:
        (B, N, heads * width).

    Raises:
        InputError: a shape, data type or device does not fit.
        BackendError: the CUDA module is not there.

    Source: Li et al. 2023, eq. 8 (arXiv:2301.07093).
    """
    require_cuda("gated_attention", query)
    if query.ndim != 3 or extra_key.ndim != 3 or not query.numel() or heads < 1 or query.shape[2] % heads:
        raise InputError(f"gated_attention: (B, N, heads * width) expected, got {tuple(query.shape)}, {heads} heads.")
    batch, length, dim = query.shape
    extra, width, device = extra_key.shape[1], dim // heads, query.device
    if width not in WIDTHS:
        raise InputError(f"gated_attention: heads of {WIDTHS} columns expected, got {width}.")
    tensors = [x.contiguous() for x in (query, key, value, extra_key, extra_value)]
    require("gated_attention", "query", tensors[0], (batch, length, dim), HALF, device)
    for name, x, count in zip(
        ("key", "value", "extra_key", "extra_value"), tensors[1:], (length, length, extra, extra)
    ):
        require("gated_attention", name, x, (batch, count, dim), (query.dtype,), device)
    if alpha is not None:
        require("gated_attention", "alpha", alpha, tuple(alpha.shape), (torch.float32,), device)
        if alpha.numel() != 1:
            raise InputError(f"gated_attention: alpha of one number expected, got {tuple(alpha.shape)}.")
    out = torch.empty_like(tensors[0])
    with torch.cuda.device(device):
        native_cuda().gated_attention(
            DTYPE_NAMES[query.dtype], batch, length, extra, heads, width, *(address(x) for x in tensors),
            address(alpha), address(out), stream_of(device),
        )  # fmt: skip
    return out


def _shapes(stream: str, dim: int, wide: int) -> dict[str, tuple[int, ...]]:
    """A stream's arrays with their shapes, in the order in which the kernel takes them."""
    layers: dict[str, tuple[int, ...]] = {f"norm_{stream}": (dim,)}
    layers |= {f"attend_{stream}.{name}": (dim, dim) for name in ("query", "key", "value", "output")}
    if wide:
        layers |= {f"ffn_{stream}.0": (dim,), f"ffn_{stream}.1": (wide, dim), f"ffn_{stream}.3": (dim, wide)}
    out: dict[str, tuple[int, ...]] = {}
    for name, shape in layers.items():
        out |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return out
