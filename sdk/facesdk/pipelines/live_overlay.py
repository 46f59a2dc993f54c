"""What is written into live pictures: the badge that says what they are, figures, and that the camera is away."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from facesdk.types import RgbImage

BADGE = "AI"
BADGE_SHARE = 0.07
"""Height of the badge over the picture's shorter side."""
_MARGIN_SHARE = 0.02
_BADGE_GROUND, _BADGE_TEXT = (200, 30, 60), (255, 255, 255)
_LINE_GROUND, _LINE_TEXT = (16, 16, 16), (235, 235, 235)
_NOTICE_GROUND, _NOTICE_TEXT = (150, 90, 0), (255, 255, 255)


def draw_badge(image: RgbImage) -> None:
    """Writes "AI" into the lower right corner.

    Args:
        image: (H, W, 3) uint8 RGB; changed.
    """
    short = min(image.shape[:2])
    label = _label(BADGE, max(8, round(BADGE_SHARE * short)), _BADGE_GROUND, _BADGE_TEXT)
    margin = round(_MARGIN_SHARE * short)
    _put(image, label, image.shape[0] - label.shape[0] - margin, image.shape[1] - label.shape[1] - margin)


def badge_box(size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where the badge of a picture lies: x0, y0, x1, y1 in pixels."""
    short = min(size_hw)
    height, width = _label(BADGE, max(8, round(BADGE_SHARE * short)), _BADGE_GROUND, _BADGE_TEXT).shape[:2]
    margin = round(_MARGIN_SHARE * short)
    y0, x0 = max(0, size_hw[0] - height - margin), max(0, size_hw[1] - width - margin)
    return x0, y0, min(size_hw[1], x0 + width), min(size_hw[0], y0 + height)


def draw_line(image: RgbImage, text: str, notice: bool = False) -> None:
    """Writes a line of text into the upper left corner.

    Args:
        image: (H, W, 3) uint8 RGB; changed.
        text: plain ASCII.
        notice: in the colours of a warning.
    """
    ground, ink = (_NOTICE_GROUND, _NOTICE_TEXT) if notice else (_LINE_GROUND, _LINE_TEXT)
    _put(image, _label(text, max(12, round(0.04 * min(image.shape[:2]))), ground, ink), 0, 0)


@lru_cache(maxsize=16)
def _label(text: str, height: int, ground: tuple[int, int, int], ink: tuple[int, int, int]) -> RgbImage:
    """A filled box with text, (height, w, 3)."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    thick = max(1, round(height / 14))
    # Hershey's capitals are 22 units high at scale 1.
    scale = 0.6 * height / 22.0
    (width, tall), _ = cv2.getTextSize(text, font, scale, thick)
    pad = max(2, round(0.3 * height))
    out = np.full((height, width + 2 * pad, 3), ground, np.uint8)
    cv2.putText(out, text, (pad, (height + tall) // 2), font, scale, ink, thick, cv2.LINE_AA)
    out.setflags(write=False)
    return out


def _put(image: RgbImage, label: RgbImage, top: int, left: int) -> None:
    top, left = max(0, top), max(0, left)
    place = image[top : top + label.shape[0], left : left + label.shape[1]]
    place[...] = label[: place.shape[0], : place.shape[1]]
