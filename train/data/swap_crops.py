"""Swap pictures cut anew, each around its own face as a user's is.

A rendered group shares the crop of one of its people. Where the others' faces lie in it says how they differ from that
one, and a net that sees targets so learns to read the exact swap's shape from how the crop was cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import apply_matrix, compose, crop_matrix, warp_crop
from facesdk.types import F32, U8
from train.data.face_world.groups import Jitter, draw_jitter

JITTER = Jitter(rotation=0.015, scale=0.015, shift=0.006)  # about what found landmarks make of a crop

SAMPLE, AS_USUAL = 500, 0.05  # pictures that say how wide all are cut, and how far their median may be off by chance


def crop_scale(landmarks: NDArray[np.floating], side: int) -> float:
    """How large pictures show their faces beside the usual crop, 1; less than 1 shows more around them.

    Args:
        landmarks: (N, 68, 2) pixels.
        side: of the pictures.
    """
    zooms = [np.sqrt(abs(np.linalg.det(crop_matrix(marks, "canon", side)[:, :2]))) for marks in landmarks[:SAMPLE]]
    scale = 1.0 / float(np.median(zooms))
    return 1.0 if abs(scale - 1.0) < AS_USUAL else scale


def own_crop(
    landmarks: NDArray[np.floating],
    side: int,
    rng: np.random.Generator,
    spread: Jitter | None = JITTER,
    scale: float = 1.0,
) -> F32:
    """(2, 3) matrix from a picture's pixels to the crop around its own face.

    Args:
        landmarks: (68, 2) pixels.
        side: of picture and crop.
        rng: moves on by one jitter, if there is any.
        spread: of that; None for exact crops.
        scale: of `crop_scale`.
    """
    matrix = crop_matrix(landmarks, "canon", side, scale)
    return matrix if spread is None else compose(draw_jitter(rng, side, spread), matrix)


def cut_pictures(pictures: U8, matrices: Sequence[F32]) -> U8:
    """(N, S, S, 3) uint8 pictures, each in its crop; what lies outside repeats the border."""
    return np.stack([warp_crop(picture, matrix, pictures.shape[1]) for picture, matrix in zip(pictures, matrices)])


def cut_labels(labels: U8, matrices: Sequence[F32]) -> U8:
    """(N, S, S) uint8 labels, each map in its crop."""
    return np.stack([warp_labels(one, matrix, labels.shape[1]) for one, matrix in zip(labels, matrices)])


def warp_labels(labels: U8, matrix: F32, size: int) -> U8:
    """(H, W) uint8 labels in a crop (size, size), from the nearest pixel; what lies outside repeats the border."""
    half, back = (np.array([[1, 0, shift], [0, 1, shift]], np.float32) for shift in (0.5, -0.5))
    centred = compose(back, compose(matrix, half))
    return np.asarray(
        cv2.warpAffine(labels, centred, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def cut_points(points: NDArray[np.floating], matrices: Sequence[F32]) -> F32:
    """(N, 68, 2) pixels of pictures to pixels of their crops."""
    return np.stack([apply_matrix(matrix, one) for one, matrix in zip(points, matrices)])
