"""Pictures out: encode, then write all of a file or nothing of it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
from pathlib import Path

from PIL import Image, PngImagePlugin, TiffImagePlugin

from facesdk.errors import InputError, MediaError
from facesdk.types import RgbImage

EXTENSIONS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""The formats that are written, by extension."""

XMP_TIFF_TAG = 700
XMP_PNG_KEY = "XML:com.adobe.xmp"


def picture_format(path: Path) -> str:
    """The format that an extension asks for.

    Raises:
        MediaError: none that is written.
    """
    found = EXTENSIONS.get(path.suffix.lower())
    if found is None:
        kind = repr(path.suffix) if path.suffix else "files without extension"
        raise MediaError(f"{path.name}: pictures are not written as {kind}.", f"Use {', '.join(EXTENSIONS)}.")
    return found


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Checks, before any work, that a picture could be written.

    Args:
        path: the file to be.

    Raises:
        MediaError: an unknown extension, a folder that is not there or not writable, or a folder in the file's place.
    """
    target = Path(path)
    picture_format(target)
    folder = target.parent
    if not folder.is_dir():
        raise MediaError(f"{target} cannot be written: there is no folder {folder}.", "Create it, or choose another.")
    if target.is_dir():
        raise MediaError(f"{target} cannot be written: it is a folder.", "Choose another name.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"{target} cannot be written: no permission in {folder}.", "Choose a folder of your own.")
    return target


def encode_image(image: RgbImage, format: str, xmp: bytes | None, quality: int = 95) -> bytes:
    """Encodes a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        format: "JPEG", "PNG", "WEBP" or "TIFF".
        xmp: an XMP packet to embed, or None.
        quality: of JPEG and WebP, 1 to 100. JPEG keeps full colour resolution; PNG and TIFF lose nothing.

    Raises:
        InputError: quality is out of range.
        MediaError: the format cannot hold the picture, such as a JPEG side above 65,535 pixels.
    """
    if not 1 <= quality <= 100:
        raise InputError(f"quality={quality}: 1 to 100 expected.")
    stream = io.BytesIO()
    picture = Image.fromarray(image)
    try:
        if format == "JPEG":
            picture.save(stream, format, quality=quality, subsampling=0, xmp=xmp or b"")
        elif format == "PNG":
            info = PngImagePlugin.PngInfo()
            if xmp:
                info.add_itxt(XMP_PNG_KEY, xmp.decode("utf-8"))
            picture.save(stream, format, pnginfo=info)
        elif format == "WEBP":
            picture.save(stream, format, quality=quality, xmp=xmp or b"")
        elif format == "TIFF":
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            if xmp:
                tags[XMP_TIFF_TAG] = xmp
            picture.save(stream, format, tiffinfo=tags, compression="tiff_lzw")
        else:
            raise MediaError(
                f"pictures are not written as {format}.", f"Use {', '.join(sorted(set(EXTENSIONS.values())))}."
            )
    except (OSError, ValueError) as error:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise MediaError(f"a {size} picture cannot be encoded as {format}: {error}.", "Try PNG or TIFF.") from error
    return stream.getvalue()


def write_atomic(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Writes a file beside `path` and renames it, so that `path` is the old file, the new one, or nothing.

    Args:
        path: the file.
        data: all of it.
        private: readable by its user alone, whatever the umask says.

    Raises:
        MediaError: it cannot be written; nothing is left behind.
    """
    target = Path(path)
    temporary = target.parent / f"{_temporary_prefix(target)}{secrets.token_hex(6)}.tmp"
    try:
        try:
            # "x" as mkstemp does, but with the permissions that the user's umask gives.
            with open(temporary, "xb", opener=_open_private if private else None) as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MediaError(
            f"{target} cannot be written: {reason}. Nothing was left there.", "Check the folder and its space."
        ) from error


def unfinished_files(path: Path) -> list[Path]:
    """What `write_atomic` left of a file when its process was killed in the midst of it."""
    # No pattern of the shell: the name may hold its signs, as "me[1].identity" does.
    name = re.compile(re.escape(_temporary_prefix(path)) + r"[0-9a-f]{12}\.tmp")
    return sorted(beside for beside in path.parent.iterdir() if name.fullmatch(beside.name))


def _temporary_prefix(target: Path) -> str:
    return f".{target.name[:100]}."


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def save_image(path: str | os.PathLike[str], image: RgbImage, *, metadata: bytes | None, quality: int = 95) -> None:
    """Writes a picture whole or not at all. Generated pixels do not come this way, but through provenance.mark.

    Args:
        path: the extension chooses the format.
        image: (H, W, 3) uint8 RGB.
        metadata: an XMP packet, or None.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        MediaError: it cannot be encoded or written.
    """
    target = check_writable(path)
    write_atomic(target, encode_image(image, picture_format(target), metadata, quality))
