"""Pastes a crop into a picture under a soft mask, touching nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.ops.warp import Roi, antialias, antialias_sigma, crop_roi, is_enlarged, place_roi, unwarp
from facesdk.types import F32, RgbImage

# Less than half a step of 8 bits even from black to white, so the pixel would not change anyway.
MIN_MASK = 0.4 / 255.0


def paste(
    image: RgbImage,
    crop: NDArray[np.generic],
    mask: NDArray[np.floating],
    matrix: NDArray[np.floating],
    threads: int = 1,
    impl: Impl = "auto",
) -> tuple[RgbImage, F32, Roi]:
    """Blends a crop into its place: out = round(m crop' + (1 - m) image), m and crop' taken back through the matrix.

    Args:
        image: (H, W, 3) uint8; not changed.
        crop: (h, w, 3), 0 to 255, uint8 or float.
        mask: (h, w), 0 to 1: how much of the crop shows.
        matrix: (2, 3), picture pixels to crop pixels, as `faces.align.crop_matrix`.
        threads: most that work on it.
        impl: "auto", "native" or "numpy"; they differ by one level of 256 at most.

    Returns:
        The picture, (H, W, 3) uint8; the mask in the picture, (H, W) float32; the region that was computed. Where the
        mask in the picture is 0, the pixels are the input's, bit for bit.

    Raises:
        InputError: shapes do not fit, values are not finite, or the matrix cannot be inverted.
        BackendError: no such implementation.
    """
    out = image.copy()
    soft, roi = paste_into(out, crop, mask, matrix, threads, impl)
    full = np.zeros(image.shape[:2], np.float32)
    full[roi.slices] = soft
    return out, full, roi


def paste_into(
    image: RgbImage,
    crop: NDArray[np.generic],
    mask: NDArray[np.floating],
    matrix: NDArray[np.floating],
    threads: int = 1,
    impl: Impl = "auto",
) -> tuple[F32, Roi]:
    """As `paste`, but changes the picture itself, so that the cost is that of the face and not of the picture.

    Args:
        image: (H, W, 3) uint8; changed where the mask is not 0. Nothing is changed if an error is raised.
        crop, mask, matrix, threads, impl: as `paste`.

    Returns:
        The mask in the region, (region height, region width) float32, and the region.
    """
    chosen = choose_impl("paste", impl)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"paste: an (H, W, 3) uint8 picture expected, got {image.shape} {image.dtype}.")
    if crop.ndim != 3 or crop.shape[2] != 3 or mask.shape != crop.shape[:2] or matrix.shape != (2, 3):
        raise InputError(
            "paste: crop (h, w, 3), mask (h, w), matrix (2, 3) expected, "
            f"got {crop.shape}, {mask.shape}, {matrix.shape}."
        )
    colors, shown = np.ascontiguousarray(crop, np.float32), np.ascontiguousarray(mask, np.float32)
    if not (np.isfinite(colors).all() and np.isfinite(shown).all()):
        raise InputError("paste: the crop or its mask has values that are not finite.")
    if not image.flags.writeable:
        raise InputError("paste: the picture is read-only.", "Pass a copy.")
    roi = crop_roi(matrix, _reach(shown, antialias_sigma(matrix)), (image.shape[0], image.shape[1]))
    if roi.is_empty:
        return np.zeros(roi.size_hw, np.float32), roi
    region = image[roi.slices]
    if chosen == "numpy":
        return _reference(region, colors, shown, matrix, roi), roi
    # The kernel writes pixels that lie side by side; a view with its channels turned, for example, takes a copy.
    packed = region if image.strides[1:] == (3, 1) else np.ascontiguousarray(region)
    soft = np.zeros(roi.size_hw, np.float32)
    colors, shown = antialias(colors, matrix, fill=True), antialias(shown, matrix, fill=False)
    placing = place_roi(matrix, roi).reshape(-1).tolist()
    native().paste(packed, colors, shown, placing, is_enlarged(matrix), MIN_MASK, soft, threads)
    if packed is not region:
        region[...] = packed
    return soft, roi


def _reference(region: RgbImage, colors: F32, mask: F32, matrix: NDArray[np.floating], roi: Roi) -> F32:
    soft = np.clip(unwarp(mask, matrix, roi, fill=False), 0.0, 1.0)
    soft[soft < MIN_MASK] = 0.0
    before = region.astype(np.float32)
    after = np.clip(unwarp(colors, matrix, roi, fill=True), 0.0, 255.0)
    # before + m (after - before) is before, exactly, where m is 0.
    after -= before
    after *= soft[..., None]
    after += before
    region[...] = np.rint(after).astype(np.uint8)
    return np.asarray(soft, np.float32)


def _reach(mask: NDArray[np.floating], sigma: float) -> tuple[float, float, float, float]:
    """Box in crop pixels that the mask's support and its interpolation reach; of no size if the mask is 0."""
    shown = mask > 0
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not rows.size:
        return 0.0, 0.0, 0.0, 0.0
    # Bilinear interpolation spreads a pixel to the centres of its neighbours, the Gaussian before it farther.
    more = 0.5 + 4.0 * sigma
    return columns[0] - more, rows[0] - more, columns[-1] + 1.0 + more, rows[-1] + 1.0 + more
