"""An edited face back in its photograph: what the edit changed is painted, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facesdk.faces.parse import Part
from facesdk.ops.blend import paste
from facesdk.ops.feather import feather
from facesdk.pipelines.backdrop import part_of
from facesdk.types import F32, U8, RgbImage

SHOWS = (3.0, 12.0)
"""Levels of 255: a change below the first is none, one from the second on shows in full."""
MOVES = (2.0, 10.0)
"""The same of a change in structure: from the second on nothing of the photograph's own detail fits any more."""
NEW = (0.5, 0.9)
"""How much less likely background becomes where the edit puts something, a hat or hair, before it."""
REACH = 0.03
"""How far the mask reaches past what changed, as a share of the crop's side."""
BLUR = 0.015
"""Sigma of the mask's soft edge, same unit."""
BORDER = 0.08
"""Width over which the mask fades towards the crop's border, same unit."""
LIGHT = 0.08
"""Sigma of what counts as light and colour and not as structure, same unit."""
LEAST_WEIGHT = 0.02


@dataclass(frozen=True, eq=False)
class EditedCrop:
    """A face before and after its edit, all in one aligned crop.

    Attributes:
        photograph: (S, S, 3) uint8, as it was taken.
        before: (S, S, 3) uint8, as the generator makes it without the edit.
        after: (S, S, 3) uint8, as the generator makes it with the edit.
        parts: (3, 5, h, w) float32 probabilities of the three, or None where a pack cannot tell them.
    """

    photograph: U8
    before: U8
    after: U8
    parts: F32 | None = None


def paste_edit(image: RgbImage, crop: EditedCrop, matrix: F32) -> tuple[RgbImage, F32]:
    """Paints an edit into its photograph.

    Args:
        image: (H, W, 3) uint8; not changed.
        crop: the edit.
        matrix: (2, 3), picture pixels to crop pixels.

    Returns:
        The picture, and the mask in it, (H, W) float32; where it is 0, the pixels are the photograph's, bit for bit.
    """
    out, mask, _ = paste(image, edit_colors(crop), edit_mask(crop), matrix)
    return out, mask


def edit_mask(crop: EditedCrop) -> F32:
    """Where an edit shows, (S, S) float32: where it changed the face, but not the backdrop behind it, and not what
    stands in front of it and had no part in the edit, such as a hand or the hat that stays on.
    """
    size = len(crop.before)
    mask = _ramp(_blur(np.abs(_change(crop)).max(2), BLUR), SHOWS)
    reach = 2 * round(REACH * size) + 1
    mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))), np.float32)
    if crop.parts is not None:
        behind = [part_of(parts, Part.BACKGROUND, size) for parts in crop.parts]
        front = [part_of(parts, Part.OCCLUDER, size) for parts in crop.parts]
        mask *= 1.0 - behind[0] * (1.0 - _ramp(behind[1] - behind[2], NEW))
        mask *= 1.0 - front[0] * (1.0 - np.abs(front[2] - front[1]))
    return feather(mask, border=BORDER * size, blur=BLUR * size)


def edit_colors(crop: EditedCrop) -> F32:
    """The edited face in the photograph's light, with its detail where nothing moved, (S, S, 3) float32 0 to 255.

    What the code lost of the photograph is light, which the edited face keeps everywhere, and detail, such as strands
    of hair, which it keeps where the edit changed no more than the colour.
    """
    size = len(crop.before)
    lost = crop.photograph.astype(np.float32) - crop.before
    weight = np.ones((size, size), np.float32)
    if crop.parts is not None:
        weight = part_of(crop.parts[0], Part.FACE, size) * part_of(crop.parts[1], Part.FACE, size)
    spread = np.maximum(_blur(weight, LIGHT), LEAST_WEIGHT)
    light = _blur(lost * weight[..., None], LIGHT) / spread[..., None]
    change = _change(crop)
    moved = _ramp(_blur(np.abs(change - _blur(change, LIGHT)).max(2), BLUR), MOVES)[..., None]
    return np.asarray(np.clip(crop.after + light + (1.0 - moved) * (lost - light), 0.0, 255.0), np.float32)


def _change(crop: EditedCrop) -> F32:
    return crop.after.astype(np.float32) - crop.before


def _blur(values: F32, share: float) -> F32:
    """Gaussian blur with a sigma that is a share of the side."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), share * len(values)), np.float32)


def _ramp(values: F32, ends: tuple[float, float]) -> F32:
    low, high = ends
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), np.float32)
