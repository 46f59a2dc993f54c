"""`facesdk::adain`: noise, bias, leaky ReLU, instance norm and style modulation as one op, with its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facesdk.errors import BackendError, InputError
from facesdk.ops.cuda import has_native_cuda
from facesdk.ops.native import has_native
from train.ops.adain_kernels import Kernel, cpu_kernel, cuda_kernel, layout_of

DTYPES = (torch.float32, torch.bfloat16)
"""Data types on the CPU; on CUDA float16 too."""
_LIBRARY = torch.library.Library("facesdk", "FRAGMENT")
_LIBRARY.define(
    "adain(Tensor x, Tensor gamma, Tensor beta, Tensor? noise, Tensor? noise_weight, Tensor? bias, float slope, "
    "float epsilon) -> (Tensor, Tensor, Tensor)"
)
_LIBRARY.define(
    "adain_backward(Tensor grad_out, Tensor x, Tensor gamma, Tensor? noise, Tensor? noise_weight, Tensor? bias, "
    "Tensor mean, Tensor inverse, float slope) -> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)


def can_fuse(x: Tensor) -> bool:
    """Whether the op runs on this tensor here: the native module of its device is there, and knows its dtype."""
    known = (*DTYPES, torch.float16) if x.device.type == "cuda" else DTYPES
    return x.dtype in known and _has_module(x.device.type)


@torch.compiler.assume_constant_result
def _has_module(device: str) -> bool:
    return {"cpu": has_native, "cuda": has_native_cuda}.get(device, bool)()


def adain(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    noise: Tensor | None = None,
    noise_weight: Tensor | None = None,
    bias: Tensor | None = None,
    slope: float = 1.0,
    epsilon: float = 1e-5,
) -> Tensor:
    """Adaptive instance normalisation with what stands before it, forward and backward by the native kernels.

    y = lrelu(x + noise_weight noise + bias); out = gamma (y - mean(y)) / sqrt(var(y) + epsilon) + beta. Only x is kept
    for the way back, which has no second derivative.

    Args:
        x: (B, C, H, W) float32 or bfloat16, on CUDA float16 too; statistics are taken in float32.
        gamma: (B, C) scale.
        beta: (B, C) shift.
        noise: (1 or B, 1, H, W), the same for every channel, without a gradient, or None.
        noise_weight: (C,), by default 1.
        bias: (C,), by default 0.
        slope: of the leaky ReLU, 0 to 1; 1 is no activation.
        epsilon: added to the variance, > 0.

    Returns:
        (B, C, H, W) in x's dtype; on the CPU channels last in memory if x is and C >= 16.

    Raises:
        InputError: a shape, dtype or device does not fit, or a gradient of the noise is wanted.
        BackendError: the native module is not there.

    Source: seed 000, eq. 4; the gradient is that of instance normalisation, Ioffe and Szegedy 2015, section 3.
    """
    if noise is not None and noise.requires_grad:
        raise InputError("adain: noise without a gradient expected.", "Detach it.")
    kept = noise if noise is None else noise.to(x.dtype)
    vectors = (None if v is None else v.float() for v in (noise_weight, bias))
    out: Tensor = torch.ops.facesdk.adain(x, gamma.float(), beta.float(), kept, *vectors, slope, epsilon)[0]
    return out


def _check(x: Tensor, gamma: Tensor, noise: Tensor | None, noise_weight: Tensor | None, bias: Tensor | None) -> None:
    """What memory safety needs: the kernels see addresses only."""
    if x.ndim != 4 or not x.numel():
        raise InputError(f"adain: x (B, C, H, W) expected, got {tuple(x.shape)}.")
    batch, channels, height, width = x.shape
    for name, vector, shape in (
        ("gamma", gamma, (batch, channels)),
        ("noise_weight", noise_weight, (channels,)),
        ("bias", bias, (channels,)),
    ):
        _require(name, vector, shape, torch.float32, x.device)
    samples = batch if noise is not None and noise.shape[0] == batch else 1
    _require("noise", noise, (samples, 1, height, width), x.dtype, x.device)


def _require(
    name: str, tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> None:
    if tensor is not None and (tuple(tensor.shape) != shape or tensor.dtype != dtype or tensor.device != device):
        raise InputError(
            f"adain: {name} {shape} {dtype} on {device} expected, "
            f"got {tuple(tensor.shape)} {tensor.dtype} on {tensor.device}."
        )


def _kernel(x: Tensor) -> Kernel:
    if not can_fuse(x):
        raise BackendError(
            f"adain: no native kernel for {x.dtype} on {x.device} here.",
            "Build the native module of this device, or use the composed ops.",
        )
    return cuda_kernel(x.device) if x.device.type == "cuda" else cpu_kernel(layout_of(x))


def _empty(x: Tensor) -> Tensor:
    """Memory for what is as large as x, in the order that the kernel writes."""
    return torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=layout_of(x))


def _forward(
    x: Tensor, gamma: Tensor, beta: Tensor, noise: Tensor | None, noise_weight: Tensor | None, bias: Tensor | None,
    slope: float, epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    _check(x, gamma, noise, noise_weight, bias)
    _require("beta", beta, tuple(gamma.shape), torch.float32, x.device)
    if not 0.0 <= slope <= 1.0 or not epsilon > 0.0:
        raise InputError(f"adain: slope 0 to 1 and epsilon > 0 expected, got {slope} and {epsilon}.")
    out = _empty(x)
    mean, inverse = torch.empty_like(gamma), torch.empty_like(gamma)
    _kernel(x).forward(x, noise, noise_weight, bias, gamma, slope, beta, epsilon, out, mean, inverse)
    return out, mean, inverse


def _backward(
    grad_out: Tensor, x: Tensor, gamma: Tensor, noise: Tensor | None, noise_weight: Tensor | None, bias: Tensor | None,
    mean: Tensor, inverse: Tensor, slope: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    _check(x, gamma, noise, noise_weight, bias)
    _require("grad_out", grad_out, tuple(x.shape), x.dtype, x.device)
    _require("mean", mean, tuple(gamma.shape), torch.float32, x.device)
    _require("inverse", inverse, tuple(gamma.shape), torch.float32, x.device)
    grad_x = _empty(x)
    grads = [torch.empty(gamma.shape, device=x.device) for _ in range(4)]
    _kernel(x).backward(x, noise, noise_weight, bias, gamma, slope, mean, inverse, grad_out, grad_x, *grads)
    # The kernel gives a part for every plane: no atomics, and the same bits every time.
    return grad_x, grads[0], grads[1], grads[2].sum(0), grads[3].sum(0)


def _fake_forward(x: Tensor, gamma: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    return _empty(x), torch.empty_like(gamma), torch.empty_like(gamma)


def _fake_backward(grad_out: Tensor, x: Tensor, gamma: Tensor, *_: object) -> tuple[Tensor, ...]:
    vectors = (gamma.new_empty(gamma.shape[1]) for _ in range(2))
    return (_empty(x), torch.empty_like(gamma), torch.empty_like(gamma), *vectors)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, gamma, _, noise, noise_weight, bias, ctx.slope, _ = inputs
    _, mean, inverse = output
    ctx.mark_non_differentiable(mean, inverse)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, gamma, noise, noise_weight, bias, mean, inverse)


def _differentiate(ctx: Any, grad_out: Tensor | None, *_: object) -> tuple[Tensor | None, ...]:
    if grad_out is None:
        return (None,) * 8
    x, gamma, noise, noise_weight, bias, mean, inverse = ctx.saved_tensors
    grads = torch.ops.facesdk.adain_backward(grad_out, x, gamma, noise, noise_weight, bias, mean, inverse, ctx.slope)
    grad_x, grad_gamma, grad_beta, grad_weight, grad_bias = grads
    weight = grad_weight if noise is not None and noise_weight is not None else None
    return grad_x, grad_gamma, grad_beta, None, weight, grad_bias if bias is not None else None, None, None


for _key in ("CPU", "CUDA"):
    _LIBRARY.impl("adain", _forward, _key)
    _LIBRARY.impl("adain_backward", _backward, _key)
torch.library.register_fake("facesdk::adain", _fake_forward, lib=_LIBRARY)
torch.library.register_fake("facesdk::adain_backward", _fake_backward, lib=_LIBRARY)
torch.library.register_autograd("facesdk::adain", _differentiate, setup_context=_keep, lib=_LIBRARY)
