"""Gated self-attention of a diffusion network: picture tokens attend to themselves and to a few extra tokens."""

from __future__ import annotations

import math

import numpy as np

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, require_impl
from facesdk.types import F32

WIDTHS = (40, 80, 160)
"""Columns of a head at the three depths of the UNet; the CUDA kernel is compiled for these."""


def gated_attention(
    query: F32,
    key: F32,
    value: F32,
    extra_key: F32,
    extra_value: F32,
    heads: int,
    alpha: float | None = None,
    impl: Impl = "numpy",
) -> F32:
    """Attention whose keys and values stand in two pieces, and whose result is gated.

    out = tanh(alpha) softmax(query [key; extra_key]^T / sqrt(width)) [value; extra_value], heads apart. It is what
    stands between the linear layers of x + tanh(alpha) SelfAttention([x; o])[:, :N]: only the N picture tokens ask,
    nothing is concatenated, and since the output layer is linear, the gate may stand before it (its bias is then
    multiplied by tanh(alpha)).

    Args:
        query, key, value: (B, N, heads * width) float32, of the picture tokens.
        extra_key, extra_value: (B, n, heads * width) float32, of the extra tokens; n may be 0.
        heads: attention heads.
        alpha: the gate's parameter; by default the gate is 1.
        impl: "numpy"; on a CUDA device see `train.ops.attention`.

    Returns:
        (B, N, heads * width) float32.

    Raises:
        InputError: the shapes do not fit.
        BackendError: no such implementation.

    Source: Li et al. 2023, eq. 8 (arXiv:2301.07093); gligen/GLIGEN ldm/modules/attention.py, GatedSelfAttentionDense.
    """
    require_impl("gated_attention", impl)
    shapes = [x.shape for x in (query, key, value, extra_key, extra_value)]
    three = all(len(shape) == 3 for shape in shapes)
    if not three or heads < 1 or query.shape[2] % heads or not query.size:
        raise InputError(f"gated_attention: (B, N, heads * width) expected, got {shapes} and {heads} heads.")
    batch, _, dim = query.shape
    own, extra = (batch, query.shape[1], dim), (batch, extra_key.shape[1], dim)
    if shapes[1:] != [own, own, extra, extra]:
        raise InputError(f"gated_attention: key and value {own}, the extra ones {extra} expected, got {shapes[1:]}.")
    asked, keys, values = (
        x.astype(np.float64).reshape(batch, x.shape[1], heads, -1).swapaxes(1, 2)
        for x in (query, np.concatenate([key, extra_key], 1), np.concatenate([value, extra_value], 1))
    )
    scores = asked @ keys.swapaxes(-1, -2) / math.sqrt(dim // heads)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    gate = 1.0 if alpha is None else math.tanh(alpha)
    return np.asarray(gate * (share @ values).swapaxes(1, 2).reshape(own), np.float32)
