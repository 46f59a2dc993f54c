"""A small label that people see: what it says is drawn in strokes, so that no font is needed for any of it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from facesdk.errors import InputError
from facesdk.types import F32, RgbImage

TEXT_SHARE = 0.05
"""Height of the text over the picture's shorter side. Source: GB 45438-2025, at least 5 %."""
_LEAST_PX = 10
_GROUND, _INK = np.float32(20), np.float32(255)
_OPACITY = 0.75
# Strokes of each glyph in a square, x to the right and y down; and its width over its height.
_Stroke = tuple[tuple[float, float], ...]
GLYPHS: dict[str, tuple[float, tuple[_Stroke, ...]]] = {
    "A": (0.7, (((0.05, 1.0), (0.5, 0.0), (0.95, 1.0)), ((0.22, 0.64), (0.78, 0.64)))),
    "I": (0.3, (((0.5, 0.0), (0.5, 1.0)),)),
    "生": (
        1.0,
        (
            ((0.28, 0.03), (0.1, 0.38)),
            ((0.2, 0.27), (0.88, 0.27)),
            ((0.18, 0.6), (0.82, 0.6)),
            ((0.03, 0.97), (0.97, 0.97)),
            ((0.52, 0.0), (0.52, 0.97)),
        ),
    ),
    "成": (
        1.0,
        (
            ((0.92, 0.24), (0.16, 0.24), (0.14, 0.6), (0.03, 1.0)),
            ((0.16, 0.48), (0.44, 0.48), (0.4, 0.84), (0.28, 0.8)),
            ((0.54, 0.0), (0.6, 0.42), (0.72, 0.78), (0.9, 1.0), (0.97, 0.78)),
            ((0.86, 0.42), (0.7, 0.72), (0.44, 0.98)),
            ((0.7, 0.03), (0.84, 0.15)),
        ),
    ),
    "合": (
        1.0,
        (
            ((0.5, 0.0), (0.28, 0.26), (0.02, 0.44)),
            ((0.5, 0.0), (0.72, 0.26), (0.98, 0.44)),
            ((0.3, 0.42), (0.7, 0.42)),
            ((0.24, 0.6), (0.76, 0.6), (0.76, 0.96), (0.24, 0.96), (0.24, 0.6)),
        ),
    ),
}


def label_box(size_hw: tuple[int, int], text: str = "AI") -> tuple[int, int, int, int]:
    """Where the label of a picture lies: x0, y0, x1, y1 in pixels, in its upper left corner.

    Raises:
        InputError: a text of other glyphs than there are.
    """
    patch = _patch(text, _text_px(size_hw))
    margin = round(0.4 * _text_px(size_hw))
    y0, x0 = min(margin, size_hw[0] - 1), min(margin, size_hw[1] - 1)
    return x0, y0, min(size_hw[1], x0 + patch.shape[1]), min(size_hw[0], y0 + patch.shape[0])


def draw_label(image: RgbImage, text: str = "AI") -> RgbImage:
    """A copy of the picture with the label in its upper left corner.

    Args:
        image: (H, W, 3) uint8 RGB.
        text: of GLYPHS.

    Raises:
        InputError: a text of other glyphs than there are.
    """
    out = image.copy()
    x0, y0, x1, y1 = label_box((image.shape[0], image.shape[1]), text)
    ink = _patch(text, _text_px((image.shape[0], image.shape[1])))[: y1 - y0, : x1 - x0, None]
    ground = out[y0:y1, x0:x1] * np.float32(1 - _OPACITY) + _GROUND * np.float32(_OPACITY)
    out[y0:y1, x0:x1] = np.rint(ground + (_INK - ground) * ink)
    return out


def _text_px(size_hw: tuple[int, int]) -> int:
    return max(_LEAST_PX, int(np.ceil(TEXT_SHARE * min(size_hw))))


@lru_cache(maxsize=16)
def _patch(text: str, height: int) -> F32:
    """How much ink is where, 0 to 1, with a border of 0.4 of the text's height."""
    unknown = [letter for letter in text if letter not in GLYPHS]
    if not text or unknown:
        raise InputError(f"label {text!r}: letters of {''.join(GLYPHS)} expected.")
    fine = 4
    size, pad, gap = height * fine, round(0.4 * height) * fine, round(0.18 * height) * fine
    width = round(sum(GLYPHS[letter][0] * size for letter in text)) + gap * (len(text) - 1)
    canvas = np.zeros((size + 2 * pad, -(-(width + 2 * pad) // fine) * fine), np.uint8)
    at = float(pad)
    for letter in text:
        share, strokes = GLYPHS[letter]
        for stroke in strokes:
            points = [(round(at + x * share * size), round(pad + y * size)) for x, y in stroke]
            cv2.polylines(canvas, [np.array(points, np.int32)], False, 255, max(fine, round(0.11 * size)), cv2.LINE_AA)
        at += share * size + gap
    small = cv2.resize(canvas, None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA)
    out = np.asarray(small, np.float32) / np.float32(255)
    out.setflags(write=False)
    return out
