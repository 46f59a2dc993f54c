"""A decoded PIL image of any mode becomes upright sRGB pixels."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image, ImageCms, ImageOps

from facesdk.errors import MediaError
from facesdk.types import RgbImage

_log = logging.getLogger("facesdk.media")
_WHITE = (255, 255, 255, 255)


def to_rgb(picture: Image.Image) -> RgbImage:
    """Turns a picture upright and into sRGB.

    Args:
        picture: any mode; loaded.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        MediaError: a mode whose range is unknown (32-bit integers, floats).
    """
    profile = picture.info.get("icc_profile")
    upright = _upright(picture)
    flat = _eight_bits(upright)
    if flat.has_transparency_data:
        layer = flat.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    if isinstance(profile, bytes) and flat.mode in ("RGB", "CMYK"):
        flat = _to_srgb(flat, profile)
    # np.array copies: what is returned belongs to the caller.
    return np.array(flat.convert("RGB"), np.uint8)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception as error:
        _log.warning("the picture's EXIF block is damaged, its rotation is not applied (%s)", error)
        return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits, v * 255 / 65535 rounded; Pillow's own conversion would clip everything above 255."""
    if picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise MediaError(f"its pixels are 32-bit {'integers' if picture.mode == 'I' else 'floats'}, of unknown range.")
    return picture


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if picture.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        out = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        _log.warning("the picture's ICC profile cannot be used, its colours are taken as sRGB (%s)", error)
        return picture
    assert out is not None
    return out
