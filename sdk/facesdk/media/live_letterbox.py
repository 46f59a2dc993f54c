"""Pictures of any size into a frame of one size, undistorted, with black beside them."""

from __future__ import annotations

import cv2
import numpy as np

from facesdk.types import RgbImage


def letterbox(image: RgbImage, size_hw: tuple[int, int]) -> RgbImage:
    """Fits a picture into a frame.

    Args:
        image: (H, W, 3) uint8 RGB.
        size_hw: of the frame.

    Returns:
        (*size_hw, 3) uint8; the picture itself if it has that size.
    """
    height, width = image.shape[:2]
    if (height, width) == size_hw:
        return image
    scale = min(size_hw[0] / height, size_hw[1] / width)
    inner = (max(1, min(size_hw[0], round(height * scale))), max(1, min(size_hw[1], round(width * scale))))
    top, left = (size_hw[0] - inner[0]) // 2, (size_hw[1] - inner[1]) // 2
    out = np.zeros((*size_hw, 3), np.uint8)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out[top : top + inner[0], left : left + inner[1]] = cv2.resize(image, inner[::-1], interpolation=way)
    return out
