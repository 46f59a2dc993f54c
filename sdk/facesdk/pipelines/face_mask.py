"""The pixels of the aligned crop that a swap replaces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.parse import Part
from facesdk.ops.feather import feather
from facesdk.types import F32

MARGIN = 0.03
"""How far the mask reaches past the outline of the landmarks, as a share of the crop's side."""
BORDER = 0.03
"""Width over which the mask fades towards the crop's border, same unit."""
BLUR = 0.008
"""Sigma of the mask's soft edge, same unit."""
FOREHEAD = 0.9
"""Height of the forehead over the brows, in lengths from the nose's base to them (artists' canon: 1)."""

FOREHEAD_WIDTH = 1.15
"""Width of the forehead's upper edge, in widths of the brows."""


def hull_mask(landmarks: NDArray[np.floating], size: int, margin: float = MARGIN) -> F32:
    """The face's outline: convex hull of the landmarks, with the forehead, widened by a margin.

    Args:
        landmarks: (68, 2) in pixels of the crop.
        size: side of the crop.
        margin: share of the side.

    Returns:
        (size, size) float32, 0 or 1 but for the smoothed edge.
    """
    brows = landmarks[17:27]
    up = brows.mean(0) - landmarks[33]
    forehead = brows.mean(0) + FOREHEAD * up + FOREHEAD_WIDTH * (brows - brows.mean(0))
    hull = cv2.convexHull(np.concatenate([landmarks, forehead]).astype(np.float32))
    # fillConvexPoly takes whole numbers with `shift` binary digits after the point; its pixel centres are integers.
    fixed = np.rint((np.clip(hull, -8.0 * size, 8.0 * size) - 0.5) * 16).astype(np.int32)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=4)
    radius = round(margin * size)
    if radius > 0:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        mask = np.asarray(cv2.dilate(mask, kernel), np.uint8)
    return mask.astype(np.float32) / np.float32(255)


def kept_mask(parts: F32, preserved: tuple[Part, ...], size: int) -> F32:
    """Where the target's own pixels stay because something stands in front of the face.

    Args:
        parts: (5, h, w) float32 probabilities of the aligned crop.
        preserved: the parts that stay.
        size: side of the result.

    Returns:
        (size, size) float32 probability.
    """
    kept = parts[list(preserved)].sum(0)
    if kept.shape != (size, size):
        kept = np.asarray(cv2.resize(kept, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(np.clip(kept, 0.0, 1.0), np.float32)


def swap_mask(hull: F32, model: F32 | None, kept: F32 | None) -> F32:
    """Puts the mask together: inside the outline, where the model changed the face, and nothing stands in front.

    Args:
        hull: (size, size) from `hull_mask`.
        model: (size, size) the decoder's own mask, or None if the preset has none.
        kept: (size, size) from `kept_mask`, or None.

    Returns:
        (size, size) float32 with soft edges, 0 at the crop's border.
    """
    size = hull.shape[0]
    mask = hull if model is None else hull * model
    if kept is not None:
        mask = mask * (1.0 - kept)
    return feather(mask, border=BORDER * size, blur=BLUR * size)
