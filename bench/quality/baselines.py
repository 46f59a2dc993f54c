"""The classic swap: warp the source's face triangle by triangle onto the target's landmarks, then clone it seamlessly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

U8 = NDArray[np.uint8]


def _with_forehead(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    # The 68 points end at the brows: three more, as far above them as the eyes are below.
    raised = [2 * landmarks[19] - landmarks[37], 2 * landmarks[24] - landmarks[44], 2 * landmarks[27] - landmarks[30]]
    return np.concatenate([landmarks, raised]).astype(np.float32)


def classic_swap(
    source: U8, source_landmarks: NDArray[np.floating], target: U8, target_landmarks: NDArray[np.floating]
) -> U8:
    """Delaunay warp of the source plus `cv2.seamlessClone` (Perez et al. 2003), as tutorials and many tools do it.

    Args:
        source: (H, W, 3) uint8.
        source_landmarks: (68, 2) pixels.
        target: (H, W, 3) uint8.
        target_landmarks: (68, 2) pixels.

    Returns:
        (H, W, 3) uint8; the target itself where its face leaves no room to clone.
    """
    height, width = target.shape[:2]
    src, dst = _with_forehead(source_landmarks), _with_forehead(target_landmarks)
    out, mask = target.copy(), np.zeros((height, width), np.uint8)
    for corners in Delaunay(dst).simplices:
        matrix = cv2.getAffineTransform(src[corners], dst[corners])
        warped = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        triangle = np.zeros_like(mask)
        cv2.fillConvexPoly(triangle, np.round(dst[corners] * 8).astype(np.int32), 255, shift=3)
        out[triangle > 0] = warped[triangle > 0]
        mask |= triangle
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    mask = np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)), np.uint8)
    rows, columns = np.nonzero(mask)
    if len(rows) < 50:
        return target.copy()
    centre = (int(columns.min() + columns.max() + 1) // 2, int(rows.min() + rows.max() + 1) // 2)
    cloned = cv2.seamlessClone(np.ascontiguousarray(out), np.ascontiguousarray(target), mask, centre, cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.uint8)
