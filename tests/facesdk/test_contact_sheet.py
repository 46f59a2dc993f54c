"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.contact_sheet import CAPTION_PX, GAP_PX, PAPER, SheetLayout, contact_sheet
from facesdk.errors import InputError

IMAGES = [np.full((20, 30, 3), 10 * number, np.uint8) for number in range(11)]


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (9, 9, 1), (10, 4, 3), (11, 4, 3)])
def test_every_picture_is_there_pixel_for_pixel(count: int, columns: int, rows: int):
    sheet = contact_sheet(IMAGES[:count], [""] * count)
    assert sheet.shape == (rows * (20 + GAP_PX + CAPTION_PX) + GAP_PX, columns * (30 + GAP_PX) + GAP_PX, 3)
    for number, image in enumerate(IMAGES[:count]):
        y = GAP_PX + number // columns * (20 + GAP_PX + CAPTION_PX)
        x = GAP_PX + number % columns * (30 + GAP_PX)
        np.testing.assert_array_equal(sheet[y : y + 20, x : x + 30], image)
    assert (sheet == PAPER).sum() == sheet.size - count * 20 * 30 * 3


def test_captions_are_under_the_pictures():
    plain, written = contact_sheet(IMAGES[:2], ["", ""]), contact_sheet(IMAGES[:2], ["", "7"])
    rows, columns = np.nonzero((plain != written).any(2))
    assert len(rows) > 5 and rows.min() >= GAP_PX + 20 and columns.min() >= 30 + 2 * GAP_PX


def test_bad_input():
    for images, captions in (([], []), (IMAGES[:2], [""]), ([IMAGES[0], IMAGES[1][:10]], ["", ""])):
        with pytest.raises(InputError, match="contact sheet"):
            contact_sheet(images, captions)
    with pytest.raises(InputError, match="at least one"):
        SheetLayout.of(0, (128, 128))
    assert SheetLayout.of(1000, (128, 128)).columns == 32
    with pytest.raises(InputError, match="at most 60 megapixels"):
        SheetLayout.of(1000, (256, 256))
