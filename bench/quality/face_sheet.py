"""A picture of what the analysis networks found, over what they were shown."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.types import U8
from train.recipes.parser import COLORS

TILE_PX = 240
COLUMNS = 6
TRUE, FOUND = (70, 130, 255), (60, 240, 90)


def boxes_tile(image: U8, truth: NDArray[np.floating], found: NDArray[np.floating]) -> U8:
    """True boxes blue, found ones green."""
    tile = image.copy()
    for boxes, color in ((truth, TRUE), (found, FOUND)):
        for x0, y0, x1, y1 in np.round(boxes).astype(int).tolist():
            cv2.rectangle(tile, (x0, y0), (x1, y1), color, 2)
    return _fit(tile)


def points_tile(image: U8, truth: NDArray[np.floating], found: NDArray[np.floating]) -> U8:
    """True points blue, found ones green."""
    scale = TILE_PX / image.shape[0]
    tile = _fit(image)
    for points, color, radius in ((truth, TRUE, 2), (found, FOUND, 1)):
        for x, y in np.floor(points * scale).astype(int).tolist():
            cv2.circle(tile, (x, y), radius, color, -1)
    return tile


def classes_tile(classes: U8) -> U8:
    """A parser's classes in colours."""
    return _fit(COLORS[classes])


def picture_tile(image: U8) -> U8:
    """A picture as it is."""
    return _fit(image)


def contact_sheet(parts: Sequence[Sequence[U8]]) -> U8:
    """Tiles in rows of COLUMNS, each part in rows of its own, filled up with grey; (rows * 240, 6 * 240, 3) uint8."""
    blank = np.full((TILE_PX, TILE_PX, 3), 40, np.uint8)
    rows = []
    for tiles in parts:
        filled = [*tiles, *[blank] * (-len(tiles) % COLUMNS)]
        rows += [np.hstack(filled[i : i + COLUMNS]) for i in range(0, len(filled), COLUMNS)]
    return np.vstack(rows)


def _fit(image: U8) -> U8:
    how = cv2.INTER_AREA if image.shape[0] > TILE_PX else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (TILE_PX, TILE_PX), interpolation=how), np.uint8)
