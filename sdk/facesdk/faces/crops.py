"""From a picture to the batches that networks read: cut aligned crops, turn them into NCHW numbers and back."""

from __future__ import annotations

import cv2
import numpy as np

from facesdk.ops.warp_crop import cut_crop, warp_crop
from facesdk.types import F32, U8

__all__ = ["crop_planes", "cut_crop", "cut_crops", "denormalise", "normalise", "resize"]


def cut_crops(image: U8, matrices: list[F32], size: int) -> U8:
    """Several crops of one picture, (n, size, size, 3) uint8."""
    if not matrices:
        return np.zeros((0, size, size, 3), np.uint8)
    return np.stack([cut_crop(image, matrix, size) for matrix in matrices])


def crop_planes(image: U8, matrices: list[F32], size: int, threads: int = 1) -> F32:
    """Several crops of one picture as graphs read them: `normalise` of `cut_crops`, in one pass.

    Args:
        image: (H, W, 3) uint8.
        matrices: n arrays (2, 3) from picture pixels to crop pixels.
        size: side of the crops in pixels.
        threads: most that share several crops; waking another for a single one takes longer than it saves.

    Returns:
        (n, 3, size, size) float32 in [-1, 1].
    """
    return warp_crop(image, matrices, size, threads=threads if len(matrices) > 1 else 1)


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
