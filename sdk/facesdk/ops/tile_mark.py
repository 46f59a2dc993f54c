"""Adds a faint repeating tile to a picture, stronger where the picture is busy: what carries the pixel mark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.types import U8

TILE_SIDE = 128
BLOCK_SIDE = 8
TILE_UNIT = 128
"""What one level is in a tile."""
MOST = 8192
"""Tiles and strengths are below it."""
ACTIVITY_UNIT = 16
"""What one level between neighbouring samples is in an activity."""


@dataclass(frozen=True)
class MarkStrength:
    """How the strength follows the picture; whole numbers, so that every implementation gives the same bits.

    Attributes:
        least: strength where the picture is flat, 1/256, >= 0.
        slope: strength per level of activity, 1/256.
        most: greatest strength, 1/256, < 8192.
        cap: greatest activity of a block, 1/16 of a level: one hard edge does not make a whole neighbourhood busy.
    """

    least: int
    slope: int
    most: int
    cap: int


def tile_mark(
    image: U8,
    tile: NDArray[np.int16],
    strength: MarkStrength,
    out: U8 | None = None,
    threads: int = 1,
    impl: Impl = "auto",
) -> U8:
    """Adds the tile, repeated from the upper left corner on, to every channel alike.

    out = clip(image + round(tile * gain)). A block of 8 by 8 pixels has one gain, from the mean absolute difference of
    neighbouring samples (right and below), in every second row of it and of the eight blocks around it.

    Args:
        image: (H, W) or (H, W, 3) uint8; rows may lie apart, samples of a row may not.
        tile: (128, 128) int16, 1/128 of a level, from -8191 to 8191.
        strength: how gains follow the picture.
        out: takes the result; may be the picture itself. By default a new array.
        threads: most that work on it.
        impl: "auto", "native" or "numpy"; equal to the last bit.

    Returns:
        `out`, of the picture's shape.

    Raises:
        InputError: a shape, dtype or layout does not fit, or a strength is out of range.
        BackendError: no such implementation.
    """
    chosen = choose_impl("tile_mark", impl)
    _require("image", image)
    fits = tile.shape == (TILE_SIDE, TILE_SIDE) and tile.dtype == np.int16
    # Then a product and its sum with a sample fit into 16 bits in every implementation.
    if not fits or int(tile.min()) <= -MOST or int(tile.max()) >= MOST:
        raise InputError(f"tile_mark: a (128, 128) int16 tile below {MOST} expected, got {tile.shape} {tile.dtype}.")
    in_range = 0 <= strength.least <= strength.most < MOST and 0 <= strength.slope < 65536
    if not in_range or not 0 <= strength.cap < 16384:
        raise InputError(f"tile_mark: {strength} is out of range.")
    if out is None:
        out = np.empty_like(image, order="C")
    else:
        _require("out", out)
        overlaps = np.may_share_memory(out, image)
        same = out.ctypes.data == image.ctypes.data and out.strides == image.strides
        if out.shape != image.shape or not out.flags.writeable or (overlaps and not same):
            raise InputError("tile_mark: out must be writeable, of the picture's shape, and itself or apart from it.")
    if chosen == "native":
        values = np.ascontiguousarray(tile)
        native().tile_mark(
            image, values, strength.least, strength.slope, strength.most, strength.cap, out, max(1, threads)
        )
        return out
    gains = _gains(_activity(image, strength.cap), strength)
    height, width = image.shape[:2]
    rows, columns = np.arange(height), np.arange(width)
    spread = gains[rows // BLOCK_SIDE][:, columns // BLOCK_SIDE]
    added = (tile.astype(np.int32)[rows % TILE_SIDE][:, columns % TILE_SIDE] * spread + (1 << 14)) >> 15
    if image.ndim == 3:
        added = added[..., None]
    np.clip(image + added, 0, 255, out=out, casting="unsafe")
    return out


def _activity(image: U8, cap: int) -> NDArray[np.int32]:
    """Mean absolute difference of neighbouring samples for each block, 1/16 of a level."""
    values = image.astype(np.int16).reshape(*image.shape[:2], -1)
    height, width, channels = values.shape
    differences = np.zeros((height, width), np.int32)
    differences[:, :-1] += np.abs(np.diff(values, axis=1)).sum(2, dtype=np.int32)
    differences[:-1] += np.abs(np.diff(values, axis=0)).sum(2, dtype=np.int32)
    tops, lefts = np.arange(0, height, BLOCK_SIDE), np.arange(0, width, BLOCK_SIDE)
    differences[1::2] = 0
    sums = np.add.reduceat(np.add.reduceat(differences, tops, axis=0), lefts, axis=1)
    tall, wide = (np.minimum(BLOCK_SIDE, height - tops) + 1) // 2, np.minimum(BLOCK_SIDE, width - lefts)
    return np.asarray(np.minimum(ACTIVITY_UNIT * sums // (tall[:, None] * wide * channels), cap), np.int32)


def _gains(activity: NDArray[np.int32], strength: MarkStrength) -> NDArray[np.int32]:
    """Strength of each block, 1/256, from the mean over it and its neighbours."""
    padded = np.pad(activity, 1)
    there = np.pad(np.ones_like(activity), 1)
    rows, columns = activity.shape
    sums, counts = np.zeros_like(activity), np.zeros_like(activity)
    for y in range(3):
        for x in range(3):
            sums += padded[y : y + rows, x : x + columns]
            counts += there[y : y + rows, x : x + columns]
    means = sums // counts
    return np.asarray(np.minimum(strength.least + (means * strength.slope >> 4), strength.most), np.int32)


def _require(name: str, image: U8) -> None:
    fits = image.dtype == np.uint8 and image.size > 0 and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not fits:
        raise InputError(f"tile_mark: {name} (H, W) or (H, W, 3) uint8 expected, got {image.shape} {image.dtype}.")
    if image.strides[1:] != ((1,) if image.ndim == 2 else (3, 1)):
        raise InputError(f"tile_mark: the samples of each row of {name} must lie side by side.", "Pass a copy.")
