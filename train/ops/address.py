"""What a native module is told of a tensor: its data type's name and its address, and of a device: its stream."""

from __future__ import annotations

import torch
from torch import Tensor

from facesdk.errors import InputError

DTYPE_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def address(tensor: Tensor | None) -> int:
    """Address of a contiguous tensor's first element, 0 for None. Its owner must outlive the launch."""
    return 0 if tensor is None else tensor.data_ptr()


def stream_of(device: torch.device) -> int:
    """The CUDA stream that torch uses there now."""
    stream: int = torch.cuda.current_stream(device).cuda_stream
    return stream


def require(
    op: str, name: str, tensor: Tensor, shape: tuple[int, ...], dtypes: tuple[torch.dtype, ...], device: torch.device
) -> None:
    """What memory safety needs of a tensor whose address goes to a kernel.

    Args:
        op: the op's name.
        name: the tensor's name.
        tensor: what was given.
        shape: what its shape must be.
        dtypes: what its data type may be.
        device: where it must lie.

    Raises:
        InputError: shape, data type or device does not fit, or it is not contiguous.
    """
    fits = tuple(tensor.shape) == shape and tensor.dtype in dtypes and tensor.device == device
    if not fits or not tensor.is_contiguous():
        kinds = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise InputError(
            f"{op}: {name} {shape} {kinds}, contiguous, on {device} expected, got {tuple(tensor.shape)} "
            f"{tensor.dtype} on {tensor.device}."
        )


def require_cuda(op: str, tensor: Tensor) -> None:
    """Refuses a tensor that lies elsewhere: the op is there for CUDA only.

    Raises:
        InputError: it does.
    """
    if tensor.device.type != "cuda":
        raise InputError(f"{op}: tensors on a CUDA device expected, got {tensor.device}.", "Use facesdk.ops there.")
