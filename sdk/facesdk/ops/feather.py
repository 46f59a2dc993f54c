"""A mask with a soft edge that ends inside the crop."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, require_impl
from facesdk.types import F32


def feather(
    mask: NDArray[np.floating], border: float = 4.0, blur: float = 2.0, erode: int = 0, impl: Impl = "numpy"
) -> F32:
    """Softens a mask and fades it out towards the crop's edge.

    out = (G_blur * min_erode(mask)) s(d / border), with s(t) = 3t^2 - 2t^3 for t in [0, 1] and d the number of pixels
    between a pixel and the crop's edge, so that the crop's outermost rows and columns are 0 where border > 0.

    Args:
        mask: (h, w), 0 to 1.
        border: width of the fade at the crop's edge in pixels; 0 = none.
        blur: sigma of the Gaussian in pixels; 0 = none.
        erode: radius in pixels by which the mask shrinks first, so that the blur stays inside it.
        impl: "numpy".

    Returns:
        (h, w) float32, 0 to 1.

    Raises:
        InputError: the mask has another shape, or a width is negative.
    """
    require_impl("feather", impl)
    if mask.ndim != 2 or min(border, blur, erode) < 0:
        raise InputError(
            f"feather: a (h, w) mask and widths >= 0 expected, got {mask.shape}, {border}, {blur}, {erode}."
        )
    out = np.clip(mask, 0.0, 1.0).astype(np.float32)
    if erode:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * erode + 1, 2 * erode + 1))
        out = np.asarray(cv2.erode(out, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)
    if blur:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), blur, borderType=cv2.BORDER_REPLICATE), np.float32)
    if border:
        out = out * np.outer(_ramp(mask.shape[0], border), _ramp(mask.shape[1], border))
    return np.asarray(np.clip(out, 0.0, 1.0), np.float32)


def _ramp(length: int, border: float) -> F32:
    index = np.arange(length, dtype=np.float32)
    t = np.clip(np.minimum(index, length - 1 - index) / np.float32(border), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)
