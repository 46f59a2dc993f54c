"""Aligned crops: out of a picture into 8 bits, or in one pass into the numbers that a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.types import F32, U8

Order = Literal["rgb", "bgr"]
# Beyond it the blur before shrinking would be wider than the native kernel's table.
_LEAST_SHRINK = 0.01


def warp_crop(
    image: U8,
    matrices: Sequence[NDArray[np.floating]],
    size: int,
    scale: float = 1 / 127.5,
    offset: float = -1.0,
    order: Order = "rgb",
    threads: int = 1,
    impl: Impl = "auto",
) -> F32:
    """Cuts crops and turns them into a network's input: warp, colour order, normalisation and layout in one pass.

    out[i, channel] = crop_i scale + offset, where crop_i is `cut_crop` with matrix i: the same pixels, to the bit but
    for places where float32 rounds a value to the next of the 256 levels (less than one in a thousand).

    Args:
        image: (H, W, 3) uint8 RGB.
        matrices: n arrays (2, 3) from picture pixels to crop pixels, as `faces.align.crop_matrix`.
        size: side of the crops in pixels.
        scale: factor of the 8-bit values.
        offset: added after it; the defaults give [-1, 1].
        order: of the result's channels.
        threads: most that work on it.
        impl: "auto", "native" or "numpy".

    Returns:
        (n, 3, size, size) float32.

    Raises:
        InputError: a shape or dtype does not fit, or a matrix cannot be inverted.
        BackendError: no such implementation.
    """
    chosen = choose_impl("warp_crop", impl)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(f"warp_crop: an (H, W, 3) uint8 picture expected, got {image.shape} {image.dtype}.")
    if size < 1 or order not in ("rgb", "bgr"):
        raise InputError(f"warp_crop: size >= 1 and order rgb or bgr expected, got {size} and {order!r}.")
    moves = np.array(list(matrices), np.float64).reshape(-1, 2, 3) if len(matrices) else np.zeros((0, 2, 3))
    for matrix in moves:
        _shrink(matrix)
    out = np.empty((len(moves), 3, size, size), np.float32)
    if chosen == "native":
        if image.strides[1:] != (3, 1):
            image = np.ascontiguousarray(image)
        native().warp_crop(image, moves, size, order == "bgr", scale, offset, out, threads)
        return out
    for matrix, planes in zip(moves, out):
        channels = cv2.split(cut_crop(image, matrix, size))
        for plane, target in zip(channels if order == "rgb" else channels[::-1], planes):
            np.multiply(plane, np.float32(scale), out=target)
    out += np.float32(offset)
    return out


def cut_crop(image: U8, matrix: NDArray[np.floating], size: int) -> U8:
    """`sample_crop` that touches only the part of the picture which the crop shows.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) from picture pixels to crop pixels.
        size: side of the crop in pixels.

    Returns:
        (size, size, 3) uint8, equal to `sample_crop` of the whole picture.
    """
    linear = matrix[:, :2].astype(np.float64)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(linear).T
    # What the filter of sample_crop reaches for: four times its sigma, and pixels for the interpolation.
    margin = 3.0 + 4.0 * _blur_sigma(matrix)
    height, width = image.shape[:2]
    # Into the picture first: a crop beside it shows the border, and the filter needs its margin there.
    inside = np.clip(seen, 0, (width, height))
    x0, y0 = np.clip(np.floor(inside.min(0) - margin), 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(inside.max(0) + margin), (x0 + 1, y0 + 1), (width, height)).astype(int)
    shifted = matrix.astype(np.float64)
    shifted[:, 2] += shifted[:, :2] @ np.array([x0, y0], np.float64)
    return sample_crop(np.ascontiguousarray(image[y0:y1, x0:x1]), shifted, size)


def sample_crop(image: U8, matrix: NDArray[np.floating], size: int) -> U8:
    """Cuts an aligned crop out of a picture; pixels are centred at +0.5, what lies outside repeats the border.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) from picture pixels to crop pixels.
        size: side of the crop in pixels.

    Returns:
        (size, size, 3) uint8, bilinear; after a Gaussian where the crop is less than half as large as what it shows.
    """
    sigma = _blur_sigma(matrix)
    # OpenCV's warp has no area filter: blur first so that a large face does not alias.
    source = cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image
    # Moves both pixel centres into the matrix.
    centred = matrix.astype(np.float64)
    centred[:, 2] += 0.5 * matrix[:, :2].sum(1) - 0.5
    out = cv2.warpAffine(source, centred, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def _shrink(matrix: NDArray[np.floating]) -> float:
    """Crop pixels per picture pixel, along a line."""
    linear = matrix[:, :2].astype(np.float64)
    shrink = float(np.sqrt(abs(linear[0, 0] * linear[1, 1] - linear[0, 1] * linear[1, 0])))
    if not np.isfinite(matrix).all() or shrink < 1e-6:
        raise InputError(f"the crop's matrix cannot be inverted: {matrix.tolist()}.")
    if shrink < _LEAST_SHRINK:
        raise InputError(
            f"a crop shows {1 / shrink:.0f} picture pixels in one, at most {1 / _LEAST_SHRINK:.0f} expected.",
            "Shrink the picture before.",
        )
    return shrink


def _blur_sigma(matrix: NDArray[np.floating]) -> float:
    """Sigma, in picture pixels, of the Gaussian before the warp; 0 = none."""
    shrink = _shrink(matrix)
    return 0.4 * (1.0 / shrink - 1.0) if shrink < 0.5 else 0.0
