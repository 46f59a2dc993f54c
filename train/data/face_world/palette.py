"""Colours of people: skin, hair, eyes, lips. Tables are 8-bit sRGB, as painters write them; functions are linear."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from facesdk.errors import InputError
from train.data.face_world.types import F32, Identity

SKIN_TONES_SRGB = (
    (228, 194, 176),
    (220, 182, 158),
    (208, 166, 138),
    (190, 144, 112),
    (166, 118, 88),
    (136, 92, 66),
    (104, 68, 49),
    (74, 48, 37),
)
HAIR_COLORS_SRGB = {
    "black": (16, 14, 14),
    "dark brown": (38, 25, 18),
    "brown": (74, 46, 28),
    "light brown": (118, 80, 48),
    "blond": (190, 150, 92),
    "platinum": (225, 205, 165),
    "red": (132, 52, 22),
    "gray": (140, 138, 136),
    "white": (215, 213, 210),
}
EYE_COLORS_SRGB = {
    "brown": (86, 50, 26),
    "dark brown": (48, 28, 17),
    "hazel": (118, 88, 44),
    "green": (86, 112, 66),
    "blue": (84, 124, 165),
    "gray": (125, 136, 142),
}
LIPSTICKS_SRGB = ((170, 30, 45), (150, 50, 70), (190, 90, 90), (120, 30, 50), (200, 60, 40))
EYE_SHADOWS_SRGB = ((90, 60, 55), (60, 60, 90), (110, 70, 50))
GREY_STRAND_SRGB = (168, 166, 163)
# how much the tips of a colour are bleached against its roots
TIP_BLEACH = {"blond": 0.35, "light brown": 0.25, "platinum": 0.15}


def srgb_to_linear(srgb: ArrayLike) -> F32:
    """Linear light of sRGB values.

    Args:
        srgb: any shape, float, 0..1.

    Returns:
        Same shape, float32, 0..1.

    Source: IEC 61966-2-1.
    """
    value = np.asarray(srgb, np.float64)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _linear8(rgb: ArrayLike) -> F32:
    return srgb_to_linear(np.asarray(rgb, np.float64) / 255.0)


SKIN_TONES = _linear8(SKIN_TONES_SRGB)
HAIR_COLORS = {name: _linear8(rgb) for name, rgb in HAIR_COLORS_SRGB.items()}
EYE_COLORS = {name: _linear8(rgb) for name, rgb in EYE_COLORS_SRGB.items()}
LIPSTICKS = _linear8(LIPSTICKS_SRGB)
EYE_SHADOWS = _linear8(EYE_SHADOWS_SRGB)
GREY_STRAND = _linear8(GREY_STRAND_SRGB)


def skin_tone(tone: float, yellowness: float = 0.0) -> F32:
    """Base albedo of skin.

    Args:
        tone: 0 light .. 1 dark.
        yellowness: -1 rosy .. 1 golden undertone.

    Returns:
        (3,) float32 linear RGB.
    """
    if not 0.0 <= tone <= 1.0:
        raise InputError(f"skin tone must be in [0, 1], got {tone}", "Sample identities with a tone from 0 to 1.")
    stop = tone * (len(SKIN_TONES) - 1)
    low = min(int(stop), len(SKIN_TONES) - 2)
    base = SKIN_TONES[low] + (SKIN_TONES[low + 1] - SKIN_TONES[low]) * np.float32(stop - low)
    return base * np.array([1 + 0.03 * yellowness, 1.0, 1 - 0.07 * yellowness], np.float32)


def hair_color(name: str) -> F32:
    """Linear RGB of a hair colour, (3,) float32.

    Raises:
        InputError: no such colour.
    """
    if name not in HAIR_COLORS:
        raise InputError(f"no hair colour {name!r}", f"Choose one of {', '.join(HAIR_COLORS)}.")
    return HAIR_COLORS[name]


def brow_color(identity: Identity) -> F32:
    """Linear RGB of brows and beard: the hair colour drawn a little to dark, (3,) float32."""
    return hair_color(identity.brow_color) * np.float32(0.75) + np.float32(0.004)
