"""Weights of facesdk::StyleLayer: a 3x3 convolution as fewer products, in bfloat16, in the order the kernel reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
BLOCK = 64
"""Output channels that one product takes at once; kStyleBlock in cpp_ext/openvino/style_layer.h."""

# G of F(2, 3): three taps to four.
TAPS = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])
# Taps of the transposed convolution to three: output 2i is k3 x[i-1] + k1 x[i], output 2i + 1 is k2 x[i] + k0 x[i+1].
# Where k1 + k3 = k0 + k2 = s, they are k3 (x[i-1] - x[i]) + s x[i] and s x[i] + k0 (x[i+1] - x[i]).
DOUBLED_TAPS = np.array([[0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5], [1.0, 0.0, 0.0, 0.0]])
# The greatest |k0 - k1 + k2 - k3| of taps stored in half precision, over the greatest tap.
ROUNDING = 2.0**-9


def winograd_products(weight: NDArray[np.floating]) -> F32:
    """Weights of F(2x2, 3x3).

    Args:
        weight: (out, in, 3, 3).

    Returns:
        (16, in, out) float32.

    Source: Lavin and Gray 2016 (arXiv:1509.09308), section 4.1.
    """
    return _transformed(TAPS, np.asarray(weight, np.float64).transpose(1, 0, 2, 3))


def doubled_products(weight: NDArray[np.floating]) -> F32 | None:
    """Weights for a transposed convolution that stands for doubling and a 3x3 convolution.

    Args:
        weight: (in, out, 4, 4), for stride 2 and padding 1; `export.fold_upsample` makes them.

    Returns:
        (9, in, out) float32, or None if it is another transposed convolution.
    """
    taps = np.asarray(weight, np.float64)
    alternating = np.array([1.0, -1.0, 1.0, -1.0])
    largest = float(np.abs(taps).max(initial=0.0))
    for rest in (taps @ alternating, np.einsum("iokl,k->iol", taps, alternating)):
        if np.abs(rest).max(initial=0.0) > 4 * ROUNDING * largest:
            return None
    return _transformed(DOUBLED_TAPS, taps)


def pack_products(products: F32) -> NDArray[np.uint8]:
    """Bytes of the weights as the kernel reads them.

    Args:
        products: (products, in, out); in is even, out a multiple of 16.

    Returns:
        bfloat16, rounded to nearest even: for each block of 64 output channels (products, in / 2, channels, 2).
    """
    count, inner, outer = products.shape
    parts = []
    for start in range(0, outer, BLOCK):
        block = products[:, :, start : start + BLOCK]
        pairs = block.reshape(count, inner // 2, 2, block.shape[2]).transpose(0, 1, 3, 2)
        parts.append(to_bf16(np.ascontiguousarray(pairs)).ravel())
    return np.concatenate(parts).view(np.uint8)


def to_bf16(values: F32) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16, ties to even; finite values only."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def _transformed(transform: NDArray[np.float64], taps: NDArray[np.float64]) -> F32:
    """transform taps transform^T for every pair of channels; (in, out, k, k) to (products, in, out)."""
    out = np.einsum("ka,ioab,lb->klio", transform, taps, transform, optimize=True)
    return np.ascontiguousarray(out.reshape(-1, *out.shape[2:]), np.float32)
