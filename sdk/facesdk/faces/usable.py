"""Whether a face shows enough of itself to be worked with."""

from __future__ import annotations

import numpy as np

from facesdk.faces.align import TEMPLATES, crop_matrix
from facesdk.types import Face

MIN_TARGET_EYES_PX = 8.0
"""Below this a face is some 20 pixels wide: too little to keep its expression."""
MIN_SOURCE_EYES_PX = 16.0
"""Below this a picture hardly tells who it is."""
MIN_INSIDE = 0.6
"""Share of the landmarks that must lie inside the picture."""


def eyes_px(face: Face) -> float:
    """Distance of the eyes, in pixels, that the face would have if it looked at the camera.

    It is read off the aligned crop, so that a head turned to the side does not count as small.
    """
    matrix = crop_matrix(face.best_points, "canon", 1)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    canon = TEMPLATES["canon"]
    return float(np.linalg.norm(canon[1] - canon[0])) / scale


def inside_share(face: Face, size_hw: tuple[int, int]) -> float:
    """Share of the face's points that lie inside a picture of size_hw, 0 to 1."""
    points = face.best_points
    height, width = size_hw
    inside = (points[:, 0] >= 0) & (points[:, 0] < width) & (points[:, 1] >= 0) & (points[:, 1] < height)
    return float(inside.mean())


def why_not_usable(face: Face, size_hw: tuple[int, int], min_eyes_px: float) -> str | None:
    """Says what a face lacks, or None if it will do.

    Args:
        face: with landmarks, or with the detector's five points only.
        size_hw: height and width of its picture.
        min_eyes_px: smallest distance of the eyes.
    """
    eyes = eyes_px(face)
    if eyes < min_eyes_px:
        return f"too small ({eyes:.1f} px between the eyes, {min_eyes_px:.0f} needed)"
    inside = inside_share(face, size_hw)
    if inside < MIN_INSIDE:
        return f"cut by the border ({inside:.0%} of its points lie in the picture, {MIN_INSIDE:.0%} needed)"
    return None
