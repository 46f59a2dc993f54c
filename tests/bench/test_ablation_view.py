from __future__ import annotations

import numpy as np
import pytest

from bench.ablation_view import View
from facesdk.errors import InputError


def test_the_whole_picture_at_its_own_size_is_itself() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 20, 20, 3), np.uint8)
    view = View(1.0, 20)
    np.testing.assert_array_equal(view.pictures(pictures), pictures)
    image, mask = rng.uniform(0, 255, (2, 20, 20, 3)).astype(np.float32), np.ones((2, 20, 20), np.float32)
    np.testing.assert_array_equal(view.paste(image, mask, pictures), np.rint(image))


def test_a_part_is_seen_and_pasted_where_it_lies() -> None:
    view = View(0.8, 8)  # of 20 px: the middle 16, two of them to a pixel
    pictures = np.zeros((1, 20, 20, 3), np.uint8)
    pictures[:, 6:8, 10:12] = 200
    parts = pictures[..., 0] // 100
    arrays = {"rgb": pictures, "parts": parts, "landmarks": np.array([[[11.0, 7.0]]], np.float32), "group": np.ones(1)}
    seen = view.arrays(arrays)
    # Pixel (row 2, column 4), whose middle is the point.
    assert seen["rgb"][0, 2, 4, 0] == 200 and seen["rgb"].sum() == 600 and seen["parts"][0, 2, 4] == 2
    np.testing.assert_allclose(seen["landmarks"], [[[4.5, 2.5]]])
    assert seen["group"] is arrays["group"]

    mask = np.zeros((1, 8, 8), np.float32)
    mask[:, 1:4, 3:6] = 1
    pasted = view.paste(np.full((1, 8, 8, 3), 90, np.float32), mask, pictures)
    assert (pasted[0, 6:8, 10:12] == 90).all()
    outside = np.ones((20, 20), bool)
    outside[2:18, 2:18] = False
    np.testing.assert_array_equal(pasted[0, outside], pictures[0, outside])


@pytest.mark.parametrize("share, size", ((0.0, 8), (1.1, 8), (0.5, 0)))
def test_no_view_of_nothing_or_of_more_than_all(share: float, size: int) -> None:
    with pytest.raises(InputError, match="a view of share"):
        View(share, size)
