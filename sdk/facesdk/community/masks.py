"""Which pixels of a crop show the face itself, as other makers' masks tell it."""

from __future__ import annotations

import cv2
import numpy as np

from facesdk.community.model import Model
from facesdk.types import F32, U8

FACE_CLASSES = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13)
"""BiSeNet's skin, brows, eyes, glasses, nose, mouth and lips. Source: facefusion choices.face_mask_region_set."""
BLUR_SHARE = 5 / 256
"""Sigma of the soft edge, as a share of the crop's side. Source: facefusion face_masker.py, 5 px of 256."""


def face_masks(model: Model, image: U8, matrices: list[F32], size: int) -> F32:
    """Where the face is, and nothing in front of it.

    Args:
        model: xseg or bisenet.
        image: (H, W, 3) uint8 RGB.
        matrices: n arrays (2, 3) from picture pixels to crop pixels.
        size: side of the crops.

    Returns:
        (n, size, size) float32, 0 to 1.
    """
    rule = model.convention.picture
    assert rule is not None, "the table says how a mask's picture enters"
    scale = np.array([[rule.size / size]], np.float32)
    outputs = model.run(picture=rule.cut(image, [matrix * scale for matrix in matrices]))
    inside = outputs["mask"][..., 0] if "mask" in outputs else np.isin(outputs["classes"].argmax(1), FACE_CLASSES)
    return np.stack([_soften(np.asarray(mask, np.float32), size) for mask in inside])


def _soften(mask: F32, size: int) -> F32:
    """A soft edge that lies inside the mask, so that nothing in front is touched."""
    blurred = cv2.GaussianBlur(np.clip(mask, 0.0, 1.0), (0, 0), BLUR_SHARE * mask.shape[0])
    soft = (np.clip(blurred, 0.5, 1.0) - 0.5) * 2.0
    return np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
