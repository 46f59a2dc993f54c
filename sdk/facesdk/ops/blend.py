"""Pastes a crop into a picture under a soft mask, touching nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, require_impl
from facesdk.ops.warp import Roi, antialias_sigma, crop_roi, unwarp
from facesdk.types import F32, RgbImage

# Less than half a step of 8 bits even from black to white, so the pixel would not change anyway.
_MIN_MASK = 0.4 / 255.0


def paste(
    image: RgbImage,
    crop: NDArray[np.generic],
    mask: NDArray[np.floating],
    matrix: NDArray[np.floating],
    impl: Impl = "numpy",
) -> tuple[RgbImage, F32, Roi]:
    """Blends a crop into its place: out = round(m crop' + (1 - m) image), m and crop' taken back through the matrix.

    Args:
        image: (H, W, 3) uint8; not changed.
        crop: (h, w, 3), 0 to 255, uint8 or float.
        mask: (h, w), 0 to 1: how much of the crop shows.
        matrix: (2, 3), picture pixels to crop pixels, as `faces.align.crop_matrix`.
        impl: "numpy".

    Returns:
        The picture, (H, W, 3) uint8; the mask in the picture, (H, W) float32; the region that was computed. Where the
        mask in the picture is 0, the pixels are the input's, bit for bit.

    Raises:
        InputError: shapes do not fit, values are not finite, or the matrix cannot be inverted.
    """
    require_impl("paste", impl)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"paste: an (H, W, 3) uint8 picture expected, got {image.shape} {image.dtype}.")
    if crop.ndim != 3 or crop.shape[2] != 3 or mask.shape != crop.shape[:2] or matrix.shape != (2, 3):
        raise InputError(
            "paste: crop (h, w, 3), mask (h, w), matrix (2, 3) expected, "
            f"got {crop.shape}, {mask.shape}, {matrix.shape}."
        )
    if not (np.isfinite(crop.astype(np.float32)).all() and np.isfinite(mask).all()):
        raise InputError("paste: the crop or its mask has values that are not finite.")
    size_hw = (image.shape[0], image.shape[1])
    out = image.copy()
    full = np.zeros(size_hw, np.float32)
    roi = crop_roi(matrix, _reach(mask, antialias_sigma(matrix)), size_hw)
    if roi.is_empty:
        return out, full, roi
    soft = np.clip(unwarp(mask, matrix, roi, fill=False), 0.0, 1.0)
    soft[soft < _MIN_MASK] = 0.0
    full[roi.slices] = soft
    before = image[roi.slices].astype(np.float32)
    after = np.clip(unwarp(crop, matrix, roi, fill=True), 0.0, 255.0)
    # before + m (after - before) is before, exactly, where m is 0.
    after -= before
    after *= soft[..., None]
    after += before
    out[roi.slices] = np.rint(after).astype(np.uint8)
    return out, full, roi


def _reach(mask: NDArray[np.floating], sigma: float) -> tuple[float, float, float, float]:
    """Box in crop pixels that the mask's support and its interpolation reach; of no size if the mask is 0."""
    rows, columns = np.flatnonzero((mask > 0).any(1)), np.flatnonzero((mask > 0).any(0))
    if not rows.size:
        return 0.0, 0.0, 0.0, 0.0
    # Bilinear interpolation spreads a pixel to the centres of its neighbours, the Gaussian before it farther.
    more = 0.5 + 4.0 * sigma
    return columns[0] - more, rows[0] - more, columns[-1] + 1.0 + more, rows[-1] + 1.0 + more
