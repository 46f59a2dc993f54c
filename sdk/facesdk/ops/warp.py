"""Takes a crop back to its place in the picture, computing only the pixels that it covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, require_impl
from facesdk.types import F32


@dataclass(frozen=True)
class Roi:
    """A region of a picture, in pixels: rows y0 <= row < y1, columns x0 <= column < x1. It may be empty."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.x1 <= self.x0 or self.y1 <= self.y0

    def meets(self, other: Roi) -> bool:
        """Whether a pixel lies in both."""
        return max(self.x0, other.x0) < min(self.x1, other.x1) and max(self.y0, other.y0) < min(self.y1, other.y1)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the region in an (H, W, ...) array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


def crop_roi(matrix: NDArray[np.floating], box: tuple[float, float, float, float], size_hw: tuple[int, int]) -> Roi:
    """The region of the picture that a box of the crop covers.

    Args:
        matrix: (2, 3), picture pixels to crop pixels, as `faces.align.crop_matrix`; pixels are centred at +0.5.
        box: x0, y0, x1, y1 in crop pixels.
        size_hw: height and width of the picture.

    Returns:
        The smallest region with every pixel that the box touches, within the picture; empty if the box is.

    Raises:
        InputError: the matrix cannot be inverted.
    """
    # Plain numbers: for two by two, NumPy's calls take longer than the sums.
    (a, b, x), (c, d, y) = matrix.astype(np.float64).tolist()
    area = a * d - b * c
    if not np.isfinite(matrix).all() or abs(area) < 1e-12:
        raise InputError(f"the crop's matrix cannot be inverted: {matrix.tolist()}.")
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        return Roi(0, 0, 0, 0)
    corners = ((x0 - x, y0 - y), (x1 - x, y0 - y), (x1 - x, y1 - y), (x0 - x, y1 - y))
    columns = [(d * u - b * v) / area for u, v in corners]
    rows = [(a * v - c * u) / area for u, v in corners]
    height, width = size_hw
    return Roi(
        math.floor(min(max(min(columns), 0.0), width)),
        math.floor(min(max(min(rows), 0.0), height)),
        math.ceil(min(max(max(columns), 0.0), width)),
        math.ceil(min(max(max(rows), 0.0), height)),
    )


def antialias_sigma(matrix: NDArray[np.floating]) -> float:
    """Sigma, in crop pixels, of the Gaussian that keeps a crop from aliasing when it shrinks to its place; else 0."""
    shrink = _crop_pixels(matrix)
    return 0.4 * (shrink - 1.0) if shrink > 2.0 else 0.0


def _crop_pixels(matrix: NDArray[np.floating]) -> float:
    """Crop pixels per picture pixel, along a line."""
    (a, b), (c, d) = matrix[:, :2].astype(np.float64).tolist()
    return math.sqrt(abs(a * d - b * c))


def is_enlarged(matrix: NDArray[np.floating]) -> bool:
    """Whether the crop grows on its way to the picture."""
    return _crop_pixels(matrix) < 1.0


def antialias(values: F32, matrix: NDArray[np.floating], fill: bool) -> F32:
    """The crop, (h, w) or (h, w, C), smoothed as far as it shrinks; beyond its edge it repeats, or else is 0."""
    sigma = antialias_sigma(matrix)
    if not sigma:
        return values
    border = cv2.BORDER_REPLICATE if fill else cv2.BORDER_CONSTANT
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=border), np.float32)


def place_roi(matrix: NDArray[np.floating], roi: Roi) -> NDArray[np.float64]:
    """The matrix, (2, 3), from pixels of the region to pixels of the crop, both centred at whole numbers."""
    linear = matrix[:, :2].astype(np.float64)
    shift = linear @ np.array([roi.x0 + 0.5, roi.y0 + 0.5]) + matrix[:, 2] - 0.5
    return np.concatenate([linear, shift[:, None]], 1)


def unwarp(crop: NDArray[np.generic], matrix: NDArray[np.floating], roi: Roi, fill: bool, impl: Impl = "numpy") -> F32:
    """Samples a crop at the pixels of a region of the picture.

    out(r, c) = crop at M (c + 0.5, r + 0.5) - (0.5, 0.5). Bicubic where the crop is enlarged, bilinear after a Gaussian
    where it is shrunk (OpenCV's warp has no area filter).

    Args:
        crop: (h, w) or (h, w, C), any real dtype.
        matrix: (2, 3), picture pixels to crop pixels.
        roi: the region; not empty.
        fill: outside the crop repeat its border; else 0, and bilinear, so that a mask keeps to its range.
        impl: "numpy".

    Returns:
        (roi height, roi width[, C]) float32.

    Raises:
        InputError: the region is empty.
    """
    require_impl("unwarp", impl)
    if roi.is_empty:
        raise InputError(f"unwarp: the region is empty: {roi}.")
    border = cv2.BORDER_REPLICATE if fill else cv2.BORDER_CONSTANT
    values = antialias(crop.astype(np.float32), matrix, fill)
    filtered = cv2.INTER_CUBIC if fill and is_enlarged(matrix) else cv2.INTER_LINEAR
    height, width = roi.size_hw
    out = cv2.warpAffine(
        values, place_roi(matrix, roi), (width, height), flags=filtered | cv2.WARP_INVERSE_MAP, borderMode=border
    )
    return np.asarray(out, np.float32)
