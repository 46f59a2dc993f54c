"""The classic swap: the source's face warped triangle by triangle to the target's landmarks, then cloned seamlessly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

U8 = NDArray[np.uint8]
BORDER_PX = 2  # what seamlessClone needs around the cloned region
LEAST_PX = 50


def classic_swap(
    source: U8, source_landmarks: NDArray[np.floating], target: U8, target_landmarks: NDArray[np.floating]
) -> U8:
    """Delaunay warp of the source plus `cv2.seamlessClone`, as tutorials and many tools do it.

    Args:
        source: (H, W, 3) uint8.
        source_landmarks: (68, 2) pixels.
        target: (H, W, 3) uint8.
        target_landmarks: (68, 2) pixels.

    Returns:
        (H, W, 3) uint8, equal to the target outside of the bounding box of `classic_mask` (seamlessClone's solver
        leaks a little from the mask into its box); the target itself where its face leaves no room.

    Source: Perez et al. 2003, Poisson image editing (doi.org/10.1145/882262.882269), eq. 3.
    """
    height, width = target.shape[:2]
    # OpenCV counts from the first pixel's centre, landmarks from its edge.
    src, dst = with_forehead(source_landmarks) - 0.5, with_forehead(target_landmarks) - 0.5
    warped = target.copy()
    for corners in Delaunay(dst).simplices:
        matrix = cv2.getAffineTransform(src[corners], dst[corners])
        piece = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        inside = _triangle(dst[corners], (height, width)) > 0
        warped[inside] = piece[inside]
    mask = classic_mask(target_landmarks, (height, width))
    rows, columns = np.nonzero(mask)
    if len(rows) < LEAST_PX:
        return target.copy()
    # seamlessClone puts the centre of the mask's bounding box here: where it already is.
    centre = (int(columns.min() + columns.max() + 1) // 2, int(rows.min() + rows.max() + 1) // 2)
    # A copy of the mask: seamlessClone writes into the one that it is given.
    cloned = cv2.seamlessClone(warped, np.ascontiguousarray(target), mask.copy(), centre, cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.uint8)


def classic_mask(landmarks: NDArray[np.floating], size_hw: tuple[int, int]) -> U8:
    """Where the classic swap puts the source: (H, W) uint8, 0 or 255."""
    points = with_forehead(landmarks) - 0.5
    mask = np.zeros(size_hw, np.uint8)
    for corners in Delaunay(points).simplices:
        mask |= _triangle(points[corners], size_hw)
    mask[:BORDER_PX], mask[-BORDER_PX:], mask[:, :BORDER_PX], mask[:, -BORDER_PX:] = 0, 0, 0, 0
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)), np.uint8)


def with_forehead(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """The 68 points end at the brows: three more, as far above them as the eyes and the nose tip are below. (71, 2)."""
    raised = [2 * landmarks[19] - landmarks[37], 2 * landmarks[24] - landmarks[44], 2 * landmarks[27] - landmarks[30]]
    return np.concatenate([landmarks, raised]).astype(np.float32)


def _triangle(corners: NDArray[np.floating], size_hw: tuple[int, int]) -> U8:
    mask = np.zeros(size_hw, np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners * 8).astype(np.int32), 255, shift=3)
    return mask
