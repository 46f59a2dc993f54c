"""Noise, bias, leaky ReLU, instance normalisation and style modulation: one layer's end in the style decoder."""

from __future__ import annotations

import numpy as np

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.types import F32


def adain(
    x: F32,
    gamma: F32,
    beta: F32,
    noise: F32 | None = None,
    noise_weight: F32 | None = None,
    bias: F32 | None = None,
    slope: float = 1.0,
    epsilon: float = 1e-5,
    out: F32 | None = None,
    threads: int = 1,
    impl: Impl = "auto",
) -> F32:
    """Adaptive instance normalisation with what stands before it.

    y = lrelu(x + noise_weight noise + bias); out = gamma (y - mean(y)) / sqrt(var(y) + epsilon) + beta, mean and
    (biased) variance over height and width.

    Args:
        x: (N, C, H, W) float32, C-contiguous.
        gamma: (N, C) float32 scale.
        beta: (N, C) float32 shift.
        noise: (H, W) float32, the same for every channel, or None.
        noise_weight: (C,) float32, by default 1.
        bias: (C,) float32, by default 0.
        slope: of the leaky ReLU, 0 to 1; 1 is no activation.
        epsilon: added to the variance, > 0.
        out: (N, C, H, W) float32, C-contiguous, takes the result; may be x. By default a new array.
        threads: most that work on it, this one among them.
        impl: "auto", "native" or "numpy".

    Returns:
        (N, C, H, W) float32; `out` if it was given.

    Raises:
        InputError: a shape, dtype or layout does not fit.
        BackendError: no such implementation.

    Source: seed 000, eq. 4; V[x] is the standard deviation, and epsilon sits under the root as in StyleGAN1.
    """
    chosen = choose_impl("adain", impl)
    if x.ndim != 4 or not x.size:
        raise InputError(f"adain: x (N, C, H, W) expected, got {x.shape}.")
    batch, channels, height, width = x.shape
    _require("x", x, x.shape)
    _require("gamma", gamma, (batch, channels))
    _require("beta", beta, (batch, channels))
    _require("noise", noise, (height, width))
    _require("noise_weight", noise_weight, (channels,))
    _require("bias", bias, (channels,))
    _require("out", out, x.shape)
    if not 0.0 <= slope <= 1.0 or not epsilon > 0.0:
        raise InputError(f"adain: slope 0 to 1 and epsilon > 0 expected, got {slope} and {epsilon}.")
    if out is None:
        out = aligned_empty(x.shape)
    elif not out.flags.writeable or (out is not x and np.may_share_memory(out, x)):
        raise InputError("adain: out must be writeable, and x itself or apart from it.")
    if chosen == "native":
        native().adain(x, gamma, beta, noise, noise_weight, bias, slope, epsilon, out, threads)
        return out
    y = x.astype(np.float64)
    if noise is not None:
        y += noise if noise_weight is None else noise_weight[:, None, None] * noise
    if bias is not None:
        y += bias[:, None, None]
    y = np.where(y < 0.0, slope * y, y)
    scale = gamma[..., None, None] / np.sqrt(y.var((2, 3), keepdims=True) + epsilon)
    out[...] = (y - y.mean((2, 3), keepdims=True)) * scale + beta[..., None, None]
    return out


def aligned_empty(shape: tuple[int, ...]) -> F32:
    """As np.empty, float32, its first element at the start of a cache line: unaligned stores cost a fifth more."""
    count = int(np.prod(shape))
    memory = np.empty(count + 15, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + count].reshape(shape)


def _require(name: str, array: F32 | None, shape: tuple[int, ...]) -> None:
    if array is None:
        return
    if array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
        got = f"{array.shape} {array.dtype}" + ("" if array.flags.c_contiguous else ", not C-contiguous")
        raise InputError(f"adain: {name} {shape} float32, C-contiguous expected, got {got}.")
