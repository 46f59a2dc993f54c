"""What a camera does: a blurred background, distortion of picture and truth alike, and the way light becomes bytes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from train.data.face_world.resolve import resolve_light
from train.data.face_world.rich_types import Lens
from train.data.face_world.stage import Layers
from train.data.face_world.strand_raster import StrandTarget
from train.data.face_world.types import F32, U8

_HIGHLIGHT = 0.6  # how much brighter than its value a light is that the blur spreads: encoded pictures clip it
_SENSOR_FLOOR = 0.12  # share of the grain that is there in the dark
_NOISE_SIDE = 512  # of the kept field of noise; a picture takes a window of it


def photograph(target: StrandTarget, background: F32, gain: float, exposure: float, lens: Lens) -> tuple[U8, F32]:
    """The picture that a camera takes of what was rendered.

    Args:
        target: buffers at sub-sample resolution, already `through_lens`.
        background: (S, S, 3) linear RGB.
        gain: the light that falls on the background.
        exposure: gain of the whole.
        lens: of the camera.

    Returns:
        (S, S, 3) uint8 sRGB and (S, S) alpha, positive wherever light of the person reaches.
    """
    size = background.shape[0]
    linear, alpha = np.empty((size, size, 3), np.float32), np.empty((size, size), np.float32)
    behind = blur_background(background, lens)
    resolve_light(target.color, target.alpha, behind, gain, target.alpha.shape[0] // size, linear, alpha)
    linear, alpha = fringe(linear, alpha, lens)
    return expose(linear, exposure, lens), alpha


def through_lens(target: StrandTarget, layers: Layers, distortion: float) -> tuple[StrandTarget, Layers]:
    """The buffers of picture and truth, all distorted alike."""
    if distortion == 0.0:
        return target, layers
    bent = StrandTarget(
        color=distort(target.color, distortion),
        alpha=distort(target.alpha, distortion),
        inverse_depth=distort(target.inverse_depth, distortion, nearest=True),
        cover=distort(target.cover, distortion, nearest=True),
        nearest=distort(target.nearest, distortion, nearest=True),
        parts=distort(target.parts, distortion, nearest=True),
    )
    return bent, layers._replace(normals=distort(layers.normals, distortion, nearest=True))


def blur_background(background: F32, lens: Lens) -> F32:
    """Spreads every point over the disc of a lens that is focused on the face.

    Args:
        background: (S, S, 3) linear RGB.
        lens: blur is read.

    Returns:
        (S, S, 3) float32.
    """
    radius = lens.blur * background.shape[0]
    if radius < 0.4:
        return background
    reach = math.ceil(radius)
    axis = np.arange(-reach, reach + 1)
    disc = np.clip(radius + 0.5 - np.hypot(axis[:, None], axis[None]), 0.0, 1.0)
    expanded = background * (1.0 + _HIGHLIGHT * background**2)
    spread = cv2.filter2D(expanded, -1, (disc / disc.sum()).astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
    return np.minimum(np.asarray(spread, np.float32), np.float32(1.6))


def distort_points(points: F32, distortion: float, size: float) -> F32:
    """Where points of an ideal picture come to lie in a distorted one.

    Args:
        points: (..., 2) pixels, x and y.
        distortion: of the lens.
        size: side of the picture in the points' unit.

    Returns:
        (..., 2) float32. The inverse of `source_points`, by iteration.
    """
    if distortion == 0.0:
        return np.asarray(points, np.float32)
    ideal = np.asarray(points, np.float64)
    found = ideal.copy()
    for _ in range(12):
        found += ideal - source_points(found, distortion, size)
    return found.astype(np.float32)


def source_points(points: F32, distortion: float, size: float) -> F32:
    """Where the lens takes the light of distorted picture points from; never from outside the picture.

    Args:
        points: (..., 2) pixels of the distorted picture.
        distortion: share by which the middle (+) is drawn out or the corners (-) are.
        size: side of the picture in the points' unit.

    Source: D. C. Brown, "Decentering distortion of lenses", 1966: radial term of the second order.
    """
    offset = np.asarray(points, np.float64) - size / 2
    squared = (offset**2).sum(-1, keepdims=True) / (size * size / 2)  # 1 in the corners
    # either way the share is 1 or less: the middle is drawn out from 1 - d, or the corners from 1 to 1 - |d|
    share = 1.0 - distortion * (1.0 - squared) if distortion > 0 else 1.0 + distortion * squared
    return size / 2 + offset * share


@lru_cache(maxsize=16)
def _maps(distortion: float, side: int) -> tuple[F32, F32]:
    axis = np.arange(side) + 0.5
    grid = np.stack(np.meshgrid(axis, axis), -1)
    source = (source_points(grid, distortion, float(side)) - 0.5).astype(np.float32)
    return np.ascontiguousarray(source[..., 0]), np.ascontiguousarray(source[..., 1])


def distort(plane: NDArray[Any], distortion: float, nearest: bool = False) -> NDArray[Any]:
    """A buffer as the lens shows it.

    Args:
        plane: (S, S) or (S, S, C) float32 or uint8.
        distortion: of the lens.
        nearest: takes values instead of mixing them, for labels and depth.
    """
    if distortion == 0.0:
        return plane
    column, row = _maps(distortion, plane.shape[0])
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.remap(plane, column, row, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def fringe(linear: F32, alpha: F32, lens: Lens) -> tuple[F32, F32]:
    """Lateral chromatic aberration: red a little larger and blue a little smaller than green.

    Args:
        linear: (S, S, 3) linear RGB.
        alpha: (S, S) share of the person in a pixel.
        lens: aberration is read.

    Returns:
        The picture, and alpha that is positive wherever any colour of the person reaches.
    """
    if lens.aberration * linear.shape[0] < 0.1:
        return linear, alpha
    size, wide = linear.shape[0], alpha
    planes = [np.ascontiguousarray(linear[..., k]) for k in range(3)]
    for channel, scale in ((0, 1.0 / (1.0 + lens.aberration)), (2, 1.0 + lens.aberration)):
        shift = 0.5 * (size - 1) * (1.0 - scale)
        matrix = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        planes[channel] = cv2.warpAffine(planes[channel], matrix, (size, size), None, how, cv2.BORDER_REPLICATE)
        moved = cv2.warpAffine(alpha, matrix, (size, size), None, how, cv2.BORDER_REPLICATE)
        wide = np.maximum(wide, moved)
    return np.stack(planes, -1), wide


@lru_cache(maxsize=1)
def _white() -> F32:
    return np.random.default_rng(7001).standard_normal((_NOISE_SIDE, _NOISE_SIDE, 3)).astype(np.float32)


def expose(linear: F32, exposure: float, lens: Lens) -> U8:
    """Light to bytes: vignette, exposure, sensor noise, tone curve, sRGB.

    Args:
        linear: (S, S, 3) linear RGB.
        exposure: gain.
        lens: vignette, grain and seed are read.

    Returns:
        (S, S, 3) uint8.
    """
    draw = np.random.default_rng([lens.seed, 61])
    top, left, flips = draw.integers(_NOISE_SIDE), draw.integers(_NOISE_SIDE), draw.integers(2, size=2)
    out = np.empty(linear.shape, np.uint8)
    start = np.array([top, left, 1 - 2 * flips[0], 1 - 2 * flips[1]], np.int64)
    _expose(linear, exposure, lens.vignette, lens.grain, _white(), start, out)
    return out


@njit(cache=True, nogil=True)
def _expose(  # type: ignore[no-untyped-def]
    linear, exposure, vignette, grain, white, start, out
):
    rows, columns = linear.shape[0], linear.shape[1]
    side = white.shape[0]
    for row in range(rows):
        for column in range(columns):
            y, x = (row + 0.5) / rows - 0.5, (column + 0.5) / columns - 0.5
            gain = exposure * (1.0 - vignette * 2.0 * (x * x + y * y))
            i, j = (start[0] + start[2] * row) % side, (start[1] + start[3] * column) % side
            for k in range(3):
                value = linear[row, column, k] * gain
                # photons come by chance: noise grows with the root of the light; the rest is of the amplifier
                value += grain * white[i, j, k] * (_SENSOR_FLOOR + math.sqrt(max(value, 0.0)))
                value = min(max(1.1025 * value / (1.0 + 0.25 * max(value, 0.0)), 0.0), 1.0)
                encoded = 12.92 * value if value <= 0.0031308 else 1.055 * math.pow(value, 1.0 / 2.4) - 0.055
                out[row, column, k] = int(encoded * 255.0 + 0.5)
