"""Many pictures of one size in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from facesdk.errors import InputError
from facesdk.types import RgbImage

PAPER = 246
INK = (40, 40, 40)
GAP_PX = 4
CAPTION_PX = 16
MAX_PIXELS = 60_000_000
"""Most pixels of a sheet; larger pictures would not be read back."""
LONGEST_ROW = 9
"""So many pictures or fewer make a single row."""


@dataclass(frozen=True)
class SheetLayout:
    """Where the pictures of a sheet lie.

    Attributes:
        count: how many pictures.
        size_hw: height and width of each in pixels.
        columns: pictures a row.
        caption_px: height of the line under each.
    """

    count: int
    size_hw: tuple[int, int]
    columns: int
    caption_px: int = CAPTION_PX

    @classmethod
    def of(cls, count: int, size_hw: tuple[int, int]) -> Self:
        """One row of at most LONGEST_ROW pictures, or about as many rows as columns.

        Raises:
            InputError: no picture, or too many for one sheet.
        """
        if count < 1:
            raise InputError("a contact sheet takes at least one picture.")
        layout = cls(count, size_hw, count if count <= LONGEST_ROW else math.ceil(math.sqrt(count)))
        height, width = layout.sheet_hw
        if height * width > MAX_PIXELS:
            raise InputError(
                f"{count} pictures make a sheet of {width}x{height} px; at most {MAX_PIXELS // 1_000_000} megapixels "
                "are made.",
                "Lay fewer of them on one sheet, or leave the sheet out.",
            )
        return layout

    @property
    def cell_hw(self) -> tuple[int, int]:
        """Distance from one picture to the next, down and across."""
        return self.size_hw[0] + GAP_PX + self.caption_px, self.size_hw[1] + GAP_PX

    @property
    def sheet_hw(self) -> tuple[int, int]:
        """Height and width of the sheet."""
        rows = math.ceil(self.count / self.columns)
        return rows * self.cell_hw[0] + GAP_PX, self.columns * self.cell_hw[1] + GAP_PX

    def corner(self, number: int) -> tuple[int, int]:
        """Row and column of a picture's first pixel."""
        row, column = divmod(number, self.columns)
        return GAP_PX + row * self.cell_hw[0], GAP_PX + column * self.cell_hw[1]


def contact_sheet(images: Sequence[RgbImage], captions: Sequence[str]) -> RgbImage:
    """Lays pictures out in rows.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size; at least one.
        captions: a short text under each.

    Returns:
        (H', W', 3) uint8 RGB; the pictures' pixels stay as they are.

    Raises:
        InputError: no picture, different sizes, too many for one sheet, or not as many captions.
    """
    if not images or any(image.shape != images[0].shape for image in images) or len(captions) != len(images):
        raise InputError("a contact sheet takes pictures of one size, at least one, and a caption for each.")
    height, width = images[0].shape[:2]
    layout = SheetLayout.of(len(images), (height, width))
    sheet = np.full((*layout.sheet_hw, 3), PAPER, np.uint8)
    for number, (image, caption) in enumerate(zip(images, captions)):
        y, x = layout.corner(number)
        sheet[y : y + height, x : x + width] = image
        cv2.putText(
            sheet, caption, (x + 1, y + height + CAPTION_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, INK, 1, cv2.LINE_AA
        )
    return sheet
