"""Tensors to addresses: what the native kernels of `adain` are called with, and in which order their data lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from facesdk.ops.cuda import native_cuda
from facesdk.ops.native import native
from train.ops.address import DTYPE_NAMES, address, stream_of

LEAST_LAST = 16
"""Channels that the kernels for channels last need at least: one vector of the widest instruction set."""


def layout_of(x: Tensor) -> torch.memory_format:
    """The order that the kernels take x in, and give the result in: channels last where x is so and they know how."""
    known = x.device.type == "cpu" and x.shape[1] >= LEAST_LAST and not x.is_contiguous()
    is_last = known and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


@dataclass(frozen=True)
class Kernel:
    """The two native functions of a device and memory format.

    Attributes:
        run_forward: adain_forward of a native module.
        run_backward: adain_backward of the same module.
        last: the last argument of both: the number of threads, or the stream.
        layout: order of x, out and their gradients in memory.
    """

    run_forward: Callable[..., None]
    run_backward: Callable[..., None]
    last: Callable[[], int]
    layout: torch.memory_format = torch.contiguous_format

    def forward(
        self, x: Tensor, noise: Tensor | None, noise_weight: Tensor | None, bias: Tensor | None, gamma: Tensor,
        slope: float, beta: Tensor, epsilon: float, out: Tensor, mean: Tensor, inverse: Tensor,
    ) -> None:  # fmt: skip
        """Fills out, which is laid out so, and mean and inverse, which are contiguous; what is read may not be."""
        read = [x.contiguous(memory_format=self.layout), *map(_contiguous, (noise, noise_weight, bias, gamma, beta))]
        inputs = [address(t) for t in read]
        written = [address(t) for t in (out, mean, inverse)]
        self.run_forward(*_shape(x, noise), *inputs[:5], slope, inputs[5], epsilon, *written, self.last())

    def backward(
        self, x: Tensor, noise: Tensor | None, noise_weight: Tensor | None, bias: Tensor | None, gamma: Tensor,
        slope: float, mean: Tensor, inverse: Tensor, grad_out: Tensor, *grads: Tensor,
    ) -> None:  # fmt: skip
        """Fills the gradients of x, laid out so, and for every plane those of gamma, beta, noise_weight and bias."""
        first, last = (t.contiguous(memory_format=self.layout) for t in (x, grad_out))
        read = [first, *map(_contiguous, (noise, noise_weight, bias, gamma, mean, inverse)), last]
        inputs = [address(t) for t in read]
        self.run_backward(*_shape(x, noise), *inputs[:5], slope, *inputs[5:], *map(address, grads), self.last())


@lru_cache(maxsize=2)
def cpu_kernel(layout: torch.memory_format = torch.contiguous_format) -> Kernel:
    """That of the CPU for a memory format, on as many threads as torch may use."""
    module = native()
    if layout is torch.channels_last:
        return Kernel(module.adain_forward_last, module.adain_backward_last, torch.get_num_threads, layout)
    return Kernel(module.adain_forward, module.adain_backward, torch.get_num_threads)


def cuda_kernel(device: torch.device) -> Kernel:
    """That of a CUDA device, on the stream that torch uses there now."""
    module = native_cuda()

    def forward(dtype: str, batch: int, channels: int, pixels: int, *rest: object) -> None:
        with torch.cuda.device(device):
            count = module.adain_workspace(batch * channels, pixels)
            # Given back at once: torch lends it again on this stream only after the kernel.
            workspace = torch.empty(count, device=device) if count else None
            *tensors, stream = rest
            module.adain_forward(dtype, batch, channels, pixels, *tensors, address(workspace), stream)

    def backward(*arguments: object) -> None:
        with torch.cuda.device(device):
            module.adain_backward(*arguments)

    return Kernel(forward, backward, lambda: stream_of(device))


def _shape(x: Tensor, noise: Tensor | None) -> tuple[str, int, int, int, int]:
    """dtype, batch, channels, pixels of a plane, and how many noise pictures there are."""
    batch, channels, height, width = x.shape
    return DTYPE_NAMES[x.dtype], batch, channels, height * width, 1 if noise is None else noise.shape[0]


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
