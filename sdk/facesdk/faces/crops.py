"""From a picture to the batches that networks read: cut aligned crops, turn them into NCHW numbers and back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import apply_matrix, invert_matrix, warp_crop
from facesdk.types import F32, U8


def cut_crop(image: U8, matrix: NDArray[np.floating], size: int) -> U8:
    """`align.warp_crop` that touches only the part of the picture which the crop shows.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) from picture pixels to crop pixels.
        size: side of the crop in pixels.

    Returns:
        (size, size, 3) uint8, equal to `warp_crop` of the whole picture.
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32)
    seen = apply_matrix(invert_matrix(matrix), corners)
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    # What the filter of warp_crop reaches for: three times its sigma, and a pixel for the interpolation.
    margin = 3.0 + max(0.0, 4.0 * 0.4 * (1.0 / shrink - 1.0))
    height, width = image.shape[:2]
    # Into the picture first: a crop beside it shows the border, and the filter needs its margin there.
    inside = np.clip(seen, 0, (width, height))
    x0, y0 = np.clip(np.floor(inside.min(0) - margin), 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(inside.max(0) + margin), (x0 + 1, y0 + 1), (width, height)).astype(int)
    shifted = matrix.astype(np.float64)
    shifted[:, 2] += shifted[:, :2] @ np.array([x0, y0], np.float64)
    return warp_crop(np.ascontiguousarray(image[y0:y1, x0:x1]), shifted, size)


def cut_crops(image: U8, matrices: list[F32], size: int) -> U8:
    """Several crops of one picture, (n, size, size, 3) uint8."""
    if not matrices:
        return np.zeros((0, size, size, 3), np.uint8)
    return np.stack([cut_crop(image, matrix, size) for matrix in matrices])


def normalise(images: U8) -> F32:
    """(n, H, W, 3) uint8 RGB to (n, 3, H, W) float32 in [-1, 1], the range that every graph here reads."""
    count, height, width, _ = images.shape
    out = np.empty((count, 3, height, width), np.float32)
    for image, planes in zip(images, out):
        # cv2.split reads interleaved pixels several times faster than a transposed NumPy view.
        for plane, target in zip(cv2.split(image), planes):
            np.multiply(plane, np.float32(1 / 127.5), out=target)
    out -= np.float32(1)
    return out


def denormalise(planes: F32) -> U8:
    """(n, 3, H, W) float32 in [-1, 1] to (n, H, W, 3) uint8 RGB; what lies outside the range is clipped."""
    pixels = np.clip(np.rint((planes + 1.0) * 127.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def resize(image: U8, width: int, height: int) -> U8:
    """Resizes a picture: area filter down, bilinear up. Pixel edges stay at the picture's edges."""
    if image.shape[:2] == (height, width):
        return image
    smaller = width * height < image.shape[0] * image.shape[1]
    out = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8)
