"""A plain backdrop behind a face, as the generator was trained on: its code has no room for a landscape."""

from __future__ import annotations

import cv2
import numpy as np

from facesdk.faces.parse import Part
from facesdk.types import F32

LEVELS = (50.0, 210.0)
"""How dark and how light the backdrops of the training are, of 255."""
TINT = 28.0
"""How far a channel of theirs is from their grey: two standard deviations."""


def before_backdrop(planes: F32, parts: F32) -> F32:
    """Puts a face before a plain backdrop of its own background's colour.

    Measured on 96 test pictures of unseen people, reconstruction within the face: 29.5 dB for 29.0 dB without, and
    before a coloured patchwork 29.5 dB for 26.9 dB.

    Args:
        planes: (3, S, S) float32 crop in [-1, 1].
        parts: (5, h, w) float32 probabilities of the same crop.

    Returns:
        (3, S, S) float32; as it was where there is no background.
    """
    behind = part_of(parts, Part.BACKGROUND, planes.shape[1])
    total = float(behind.sum())
    if total < 1.0:
        return planes
    levels = ((planes * behind).sum((1, 2)) / total + 1.0) * 127.5
    tint = np.clip(levels - levels.mean(), -TINT, TINT)
    color = (np.clip(levels.mean(), *LEVELS) + tint) / 127.5 - 1.0
    return np.asarray(planes + behind * (color[:, None, None] - planes), np.float32)


def part_of(parts: F32, part: Part, size: int) -> F32:
    """The probability of a part in a crop of another size, (size, size) float32 0 to 1."""
    found = parts[part]
    if found.shape != (size, size):
        found = cv2.resize(found, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(found, 0.0, 1.0), np.float32)
