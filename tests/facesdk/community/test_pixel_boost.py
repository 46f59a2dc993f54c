"""Tiles hold every k-th pixel, and come back where they were."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.community.pixel_boost import join_tiles, split_tiles


@pytest.mark.parametrize("boost", [1, 2, 3])
def test_tiles_are_interleaved(boost: int) -> None:
    planes = np.arange(2 * 3 * (4 * boost) ** 2, dtype=np.float32).reshape(2, 3, 4 * boost, 4 * boost)
    tiles = split_tiles(planes, boost)
    assert tiles.shape == (2 * boost * boost, 3, 4, 4)
    for row in range(boost):
        for column in range(boost):
            number = boost * boost + row * boost + column
            np.testing.assert_array_equal(tiles[number], planes[1, :, row::boost, column::boost])
    np.testing.assert_array_equal(join_tiles(tiles, boost), planes)
