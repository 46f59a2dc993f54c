"""A larger crop through a small graph: k^2 pictures, each of every k-th pixel, and back."""

from __future__ import annotations

from facesdk.types import F32


def split_tiles(planes: F32, boost: int) -> F32:
    """(n, C, kS, kS) to (n k^2, C, S, S): tile (i, j) holds the pixels of rows i, i + k, ... and columns j, j + k, ...

    Source: facefusion processors/pixel_boost.py.
    """
    count, channels, side, _ = planes.shape
    small = side // boost
    tiles = planes.reshape(count, channels, small, boost, small, boost).transpose(0, 3, 5, 1, 2, 4)
    return tiles.reshape(count * boost * boost, channels, small, small)


def join_tiles(tiles: F32, boost: int) -> F32:
    """What `split_tiles` split: (n k^2, C, S, S) to (n, C, kS, kS)."""
    _, channels, small, _ = tiles.shape
    rows = tiles.reshape(-1, boost, boost, channels, small, small).transpose(0, 3, 4, 1, 5, 2)
    return rows.reshape(-1, channels, small * boost, small * boost)
