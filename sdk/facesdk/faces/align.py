"""Alignment: the one place where a face's points become a crop. Training and runtime both use it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.warp_crop import sample_crop

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Template = Literal["canon", "arcface"]

# Five points (eye at the picture's left, at its right, nose tip, mouth corner left, right) as fractions of the crop.
TEMPLATES: dict[str, F32] = {
    # The face world's mean head from the front, eyes 0.26 of the crop apart: hairline to chin, room for an open jaw.
    "canon": np.array([[0.37, 0.40], [0.63, 0.40], [0.5, 0.525], [0.394, 0.684], [0.606, 0.684]], np.float32),
    # The convention of face recognition, 112 px. Source: insightface python-package/insightface/utils/face_align.py.
    "arcface": np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
    )
    / np.float32(112.0),
}


def five_points(landmarks: NDArray[np.floating]) -> F32:
    """Five points from 68 iBUG landmarks.

    Args:
        landmarks: (..., 68, 2) pixels.

    Returns:
        (..., 5, 2) float32: eye centres, nose tip, mouth corners, picture left first.
    """
    eye_left = landmarks[..., 36:42, :].mean(-2)
    eye_right = landmarks[..., 42:48, :].mean(-2)
    points = [eye_left, eye_right, landmarks[..., 30, :], landmarks[..., 48, :], landmarks[..., 54, :]]
    return np.stack(points, axis=-2).astype(np.float32)


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> F32:
    """Least-squares similarity transform from source points to target points, without reflection.

    Args:
        source: (N, 2) points, N >= 2, not all equal.
        target: (N, 2) points.

    Returns:
        (2, 3) float32 matrix [s R | t].

    Raises:
        InputError: shapes differ or the source points coincide.

    Source: Umeyama 1991, eqs. 40-42 (doi.org/10.1109/34.88573).
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise InputError(f"similarity: two (N, 2) arrays expected, got {source.shape} and {target.shape}.")
    src = source.astype(np.float64)
    dst = target.astype(np.float64)
    src_mean, dst_mean = src.mean(0), dst.mean(0)
    src_c, dst_c = src - src_mean, dst - dst_mean
    variance = (src_c**2).sum() / len(src)
    if variance < 1e-12:
        raise InputError("similarity: the source points coincide, so no scale can be found. Were landmarks detected?")
    u, d, vt = np.linalg.svd(dst_c.T @ src_c / len(src))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = (u * sign) @ vt
    scale = float((d * sign).sum() / variance)
    out = np.empty((2, 3), np.float32)
    out[:, :2] = scale * rotation
    out[:, 2] = dst_mean - scale * rotation @ src_mean
    return out


def crop_matrix(points: NDArray[np.floating], template: Template, size: int, scale: float = 1.0) -> F32:
    """Matrix that takes picture pixels to pixels of an aligned square crop.

    Args:
        points: (5, 2) or (68, 2) pixels of the picture.
        template: name in TEMPLATES.
        size: side of the crop in pixels.
        scale: zoom about the crop's centre; < 1 shows more around the face.

    Returns:
        (2, 3) float32.
    """
    five = points if len(points) == 5 else five_points(points)
    target = (TEMPLATES[template] - 0.5) * scale + 0.5
    return similarity(five, target * size)


def apply_matrix(matrix: NDArray[np.floating], points: NDArray[np.floating]) -> F32:
    """Transforms (..., 2) points by a (2, 3) matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def invert_matrix(matrix: NDArray[np.floating]) -> F32:
    """Inverse of a (2, 3) similarity or affine matrix, (2, 3) float32."""
    linear = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.concatenate([linear, (-linear @ matrix[:, 2])[:, None]], 1).astype(np.float32)


def compose(outer: NDArray[np.floating], inner: NDArray[np.floating]) -> F32:
    """The (2, 3) matrix that applies `inner` first and `outer` after it."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate([linear, (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]], 1).astype(np.float32)


def warp_crop(image: U8, matrix: NDArray[np.floating], size: int) -> U8:
    """Cuts the aligned crop out of a picture; pixels are centred at +0.5, what lies outside repeats the border.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) from `crop_matrix`.
        size: side of the crop.

    Returns:
        (size, size, 3) uint8.
    """
    return sample_crop(image, matrix, size)
