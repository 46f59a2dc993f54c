"""Pictures in every shape that a file can have, each with the pixels that must come out of it, worked out by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facesdk.types import U8

TURNED_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
ORIENTATION = 0x0112
CELL = 16
"""Colours come in squares of this side: a JPEG of quality 100 without halved colour keeps them to a level."""


@dataclass(frozen=True)
class GoldenPicture:
    """A file and what it shows.

    Attributes:
        name: its kind.
        data: the file.
        pixels: (H, W, 3) uint8 RGB, upright; None where it has to be refused.
    """

    name: str
    data: bytes
    pixels: U8 | None


def golden_pictures() -> Iterator[GoldenPicture]:
    """Eight EXIF turns in four formats, CMYK, 16 bits, one bit, palette with alpha, alpha, animation, half a file."""
    yield from _turned()
    yield from _depths()
    yield from _transparent()
    for format in TURNED_FORMATS:
        data = _file(Image.fromarray(cells(1)), format, quality=100)
        yield GoldenPicture(f"{format}, half of it", data[: len(data) // 2], None)


def cells(seed: int) -> U8:
    """(48, 80, 3) squares of one colour each: no two sides or corners alike."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 5, 3), np.uint8)
    return np.ascontiguousarray(colours.repeat(CELL, 0).repeat(CELL, 1))


def stored_as(upright: U8, orientation: int) -> U8:
    """How a camera stores a picture that an EXIF orientation shows as `upright`.

    Source: Exif 2.32, tag 274: where row 0 and column 0 of what is stored lie in what is seen.
    """
    back = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }
    return np.ascontiguousarray(back[orientation])


def _turned() -> Iterator[GoldenPicture]:
    upright = cells(0)
    for format in TURNED_FORMATS:
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            picture = Image.fromarray(stored_as(upright, orientation))
            lossless = {"lossless": True} if format == "WEBP" else {"quality": 100, "subsampling": 0}
            data = _file(picture, format, exif=exif, **(lossless if format in ("JPEG", "WEBP") else {}))
            yield GoldenPicture(f"{format}, EXIF {orientation}", data, upright)


def _depths() -> Iterator[GoldenPicture]:
    ink = cells(2)
    black = np.full(ink.shape[:2], 40, np.uint8)
    inks = np.dstack([ink, black]).astype(np.float64) / 255.0
    rgb = np.rint(255.0 * (1.0 - inks[..., :3]) * (1.0 - inks[..., 3:])).astype(np.uint8)
    data = _file(Image.fromarray(np.dstack([ink, black]), "CMYK"), "TIFF")
    yield GoldenPicture("TIFF, CMYK", data, rgb)
    deep = np.linspace(0, 65535, 48 * 80).astype(np.uint16).reshape(48, 80)
    grey = np.rint(deep / 257.0).astype(np.uint8)
    for format in ("PNG", "TIFF"):
        yield GoldenPicture(f"{format}, 16 bits grey", _file(Image.fromarray(deep), format), _as_rgb(grey))
    bits = (cells(3)[..., 0] > 127).astype(np.uint8) * 255
    for format in ("PNG", "TIFF", "BMP"):
        picture = Image.fromarray(bits).convert("1", dither=Image.Dither.NONE)
        yield GoldenPicture(f"{format}, 1 bit", _file(picture, format), _as_rgb(bits))


def _transparent() -> Iterator[GoldenPicture]:
    colour, clear = cells(4), cells(5)[..., 0]
    share = clear[..., None] / 255.0
    over_white = np.rint(colour * share + 255.0 * (1.0 - share)).astype(np.uint8)
    layer = Image.fromarray(np.dstack([colour, clear]))
    for format, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        yield GoldenPicture(f"{format}, alpha", _file(layer, format, **options), over_white)
    numbers = (np.arange(48 * 80).reshape(48, 80) // CELL % 4).astype(np.uint8)
    palette = np.array([[255, 0, 0], [0, 200, 0], [0, 0, 99], [7, 7, 7]], np.uint8)
    picture = Image.fromarray(numbers, "P")
    picture.putpalette(palette.tobytes())
    alphas = np.array([255, 0, 128, 255], np.uint8)
    a = alphas[numbers][..., None] / 255.0
    shown = np.rint(palette[numbers] * a + 255.0 * (1.0 - a)).astype(np.uint8)
    data = _file(picture, "PNG", transparency=alphas.tobytes())
    yield GoldenPicture("PNG, palette with alpha", data, shown)
    second = Image.fromarray(255 - cells(6))
    for format, options in (("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        data = _file(Image.fromarray(cells(6)), format, save_all=True, append_images=[second], **options)
        yield GoldenPicture(f"{format}, animated or of several pages", data, cells(6))
    moving = [Image.fromarray(page, "P") for page in (numbers, numbers[::-1].copy())]
    for page in moving:
        page.putpalette(palette.tobytes())
    data = _file(moving[0], "GIF", save_all=True, append_images=moving[1:])
    yield GoldenPicture("GIF, animated", data, palette[numbers])


def _as_rgb(grey: U8) -> U8:
    return np.ascontiguousarray(grey[..., None].repeat(3, 2))


def _file(picture: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()
