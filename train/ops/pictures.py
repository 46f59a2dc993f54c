"""Crops out of a picture and back into it, for pictures that lie on a CUDA device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facesdk.errors import InputError
from facesdk.ops.blend import MIN_MASK
from facesdk.ops.cuda import native_cuda
from facesdk.ops.warp import Roi, crop_roi, is_enlarged, place_roi
from facesdk.ops.warp_crop import Order
from train.ops.address import DTYPE_NAMES, address, require, require_cuda, stream_of


def warp_crop(
    image: Tensor,
    matrices: Sequence[NDArray[np.floating]],
    size: int,
    scale: float = 1 / 127.5,
    offset: float = -1.0,
    order: Order = "rgb",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """`facesdk.ops.warp_crop` on a CUDA device.

    Args:
        image: (H, W, 3) uint8 RGB, contiguous.
        matrices: n arrays (2, 3) from picture pixels to crop pixels, in the host's memory.
        size: side of the crops in pixels.
        scale, offset, order: as there.
        dtype: float32 or float16.

    Returns:
        (n, 3, size, size).

    Raises:
        InputError: a shape, data type or device does not fit, or a matrix cannot be inverted.
        BackendError: the CUDA module is not there.
    """
    require_cuda("warp_crop", image)
    if image.ndim != 3 or not image.numel() or dtype not in (torch.float32, torch.float16) or size < 1:
        raise InputError(f"warp_crop: (H, W, 3), size >= 1 and float32 or float16 expected, got {tuple(image.shape)}.")
    height, width, _ = image.shape
    require("warp_crop", "image", image, (height, width, 3), (torch.uint8,), image.device)
    moves = np.array(list(matrices), np.float64).reshape(-1, 2, 3) if len(matrices) else np.zeros((0, 2, 3))
    out = torch.empty((len(moves), 3, size, size), dtype=dtype, device=image.device)
    if not len(moves):
        return out
    module = native_cuda()
    with torch.cuda.device(image.device):
        try:
            count = module.warp_crop_workspace(height, width, moves, size)
        except ValueError as error:
            raise InputError(f"warp_crop: {error}.") from error
        workspace = torch.empty(count, dtype=torch.uint8, device=image.device) if count else None
        module.warp_crop(
            address(image), height, width, 3 * width, moves, size, order == "bgr", scale, offset, DTYPE_NAMES[dtype],
            address(out), address(workspace), stream_of(image.device),
        )  # fmt: skip
    return out


def paste_into(
    image: Tensor,
    crop: Tensor,
    mask: Tensor,
    matrix: NDArray[np.floating],
    box: tuple[float, float, float, float],
) -> tuple[Tensor, Roi]:
    """`facesdk.ops.blend.paste_into` on a CUDA device: only the pixels that the box covers are touched.

    Args:
        image: (H, W, 3) uint8 RGB, contiguous; changed where the mask is not 0.
        crop: (h, w, 3) float32, 0 to 255.
        mask: (h, w) float32, 0 to 1. A crop that shrinks to less than half must be smoothed before, as
            `facesdk.ops.warp.antialias` does.
        matrix: (2, 3), picture pixels to crop pixels, in the host's memory.
        box: x0, y0, x1, y1 of the mask's support in crop pixels, and half a pixel more for the interpolation.

    Returns:
        The mask in the region, (region height, region width) float32, and the region.

    Raises:
        InputError: a shape, data type or device does not fit, or the matrix cannot be inverted.
        BackendError: the CUDA module is not there.
    """
    require_cuda("paste", image)
    if image.ndim != 3 or mask.ndim != 2 or not mask.numel():
        raise InputError(f"paste: (H, W, 3) and a mask (h, w) expected, got {tuple(image.shape)}, {tuple(mask.shape)}.")
    height, width, _ = image.shape
    require("paste", "image", image, (height, width, 3), (torch.uint8,), image.device)
    require("paste", "mask", mask, tuple(mask.shape), (torch.float32,), image.device)
    require("paste", "crop", crop, (*mask.shape, 3), (torch.float32,), image.device)
    roi = crop_roi(matrix, box, (height, width))
    soft = torch.empty(roi.size_hw, device=image.device)
    if roi.is_empty:
        return soft, roi
    with torch.cuda.device(image.device):
        native_cuda().paste(
            address(image) + 3 * (roi.y0 * width + roi.x0), *roi.size_hw, 3 * width, address(crop), address(mask),
            *mask.shape, place_roi(matrix, roi).reshape(-1).tolist(), is_enlarged(matrix), MIN_MASK, address(soft),
            stream_of(image.device),
        )  # fmt: skip
    return soft, roi
