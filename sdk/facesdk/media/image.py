"""Pictures in: any file, bytes, PIL image or array becomes RGB uint8, or one typed error."""

from __future__ import annotations

import io
import logging
import os
import stat
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from facesdk.errors import InputError, MediaError
from facesdk.media.pixels import to_rgb
from facesdk.media.sniff import HEAD_BYTES, header_size, sniff_format
from facesdk.types import RgbImage

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[np.uint8]
Color = Literal["rgb", "bgr"]

MAX_PIXELS = 64_000_000
"""Largest picture that is decoded, width times height."""
MAX_FILE_BYTES = 512 << 20
READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF"

_log = logging.getLogger("facesdk.media")


def picture_name(source: ImageSource) -> str:
    """What errors call a picture: its file's name, or "the picture"."""
    return Path(os.fspath(source)).name if isinstance(source, str | os.PathLike) else "the picture"


def load_image(source: ImageSource, color: Color = "rgb") -> RgbImage:
    """Loads one picture, upright, as sRGB.

    Rules: EXIF rotation is applied; 16 bits become 8 by scaling; CMYK and other colour spaces are converted, with the
    file's ICC profile if it has one; transparent pixels are laid over white; of an animation the first frame is taken.

    Args:
        source: a path, a file's bytes, a PIL image, or an (H, W, 3) uint8 array.
        color: channel order of an array; files and PIL images say their own.

    Returns:
        (H, W, 3) uint8 RGB, contiguous. An RGB array that is contiguous already is returned as it is, not copied.

    Raises:
        MediaError: no such file, no picture, damaged, cut off, or too large.
        InputError: an array of another shape or dtype, or a colour order that does not apply.
    """
    if color not in ("rgb", "bgr"):
        raise InputError(f"color={color!r}: 'rgb' or 'bgr' expected.")
    if isinstance(source, np.ndarray):
        return _from_array(source, color)
    if color == "bgr":
        raise InputError("color='bgr' is for arrays; files and PIL images say their own order.", "Leave color out.")
    if isinstance(source, Image.Image):
        return _decode(source, "the PIL image")
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source), "the bytes given")
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return _from_bytes(read_file(path), path.name)
    raise InputError(
        f"a picture cannot be made of a {type(source).__name__}.",
        "Give a path, bytes, a PIL image, or an (H, W, 3) uint8 RGB array.",
    )


def read_file(path: Path) -> bytes:
    """The bytes of a plain file of at most MAX_FILE_BYTES.

    Raises:
        MediaError: it is not there, a folder, a device, empty, too large or not readable.
    """
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise MediaError(f"{path} is a folder, a picture is expected.", "Give the file.")
        if not stat.S_ISREG(info.st_mode):
            raise MediaError(f"{path} is no plain file, a picture is expected.", "Give a file, or pass its bytes.")
        if info.st_size > MAX_FILE_BYTES:
            raise MediaError(
                f"{path} has {info.st_size >> 20} MiB; at most {MAX_FILE_BYTES >> 20} are read.", "Save it smaller."
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file.", "Check the path.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MediaError(f"{str(path)!r} cannot be read: {reason}.", "Check the path and its permissions.") from error
    if not data:
        raise MediaError(f"{path} is empty (0 bytes).", "Copy or download it again.")
    return data


def open_header(data: bytes, name: str) -> Image.Image:
    """Opens a picture without decoding it; its size is known and within MAX_PIXELS.

    Args:
        data: the file's bytes.
        name: how errors call it.

    Raises:
        MediaError: no picture, or too large.
    """
    head = data[:HEAD_BYTES]
    found = sniff_format(head)
    if found is None:
        raise MediaError(
            f"{name} is no picture that can be read.", f"Readable: {READABLE}. Convert it to one of these."
        )
    size = header_size(head, found)
    if size is not None:
        _check_size(size, name)
    try:
        picture = Image.open(io.BytesIO(data), formats=[found])
    except Image.DecompressionBombError as error:
        raise MediaError(f"{name} is too large to decode: {error}", _TOO_LARGE) from error
    except Exception as error:
        raise MediaError(
            f"{name} is a damaged {found} file: {_reason(error)}.", "Copy or download it again."
        ) from error
    _check_size(picture.size, name)
    return picture


_TOO_LARGE = f"At most {MAX_PIXELS // 1_000_000} megapixels are read. Save it smaller."


def _from_bytes(data: bytes, name: str) -> RgbImage:
    if not data:
        raise MediaError(
            f"{name} are empty." if name == "the bytes given" else f"{name} is empty.", "Give a whole file."
        )
    with open_header(data, name) as picture:
        return _decode(picture, name)


def _decode(picture: Image.Image, name: str) -> RgbImage:
    _check_size(picture.size, name)
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        _log.warning(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set in this program: half a file would load with grey pixels."
        )
    try:
        picture.load()
        return to_rgb(picture)
    except MediaError as error:
        raise MediaError(f"{name}: {error}", "Save it as 8-bit RGB.") from error
    # Pillow's decoders raise OSError, SyntaxError, ValueError, RuntimeError, struct.error and others for damage.
    except Exception as error:
        raise MediaError(
            f"{name} is cut off or damaged: {_reason(error)}.", "Copy or download it again. Nothing was read of it."
        ) from error


def _from_array(array: NDArray[np.uint8], color: Color) -> RgbImage:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise InputError(
            f"a picture array of shape {array.shape} and type {array.dtype} was given; (H, W, 3) uint8 is expected.",
            "Scale floats to 0..255 and use .astype(numpy.uint8); repeat a grey channel three times; drop alpha.",
        )
    return np.ascontiguousarray(array[..., ::-1] if color == "bgr" else array)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(f"{name} has no pixels ({width}x{height}).", "Copy or download it again.")
    if width * height > MAX_PIXELS:
        raise MediaError(f"{name} is too large: {width}x{height}.", _TOO_LARGE)


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).rstrip(".")
