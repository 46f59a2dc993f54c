"""What kind of picture some bytes are, by their first bytes, and how large."""

from __future__ import annotations

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
"""Pillow's names of the formats that are read. No other decoder is ever started."""

HEAD_BYTES = 64


def sniff_format(head: bytes) -> str | None:
    """The format by its magic number; the file's extension is never asked.

    Args:
        head: the first HEAD_BYTES of the file.

    Returns:
        A name in FORMATS, or None.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[4:8] == b"ftyp" and (b"avif" in head[8:32] or b"avis" in head[8:32]):
        return "AVIF"
    # Two letters are a weak magic number: the size of the header must fit as well.
    if (
        head.startswith(b"BM")
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    ):
        return "BMP"
    return None


def header_size(head: bytes, format: str) -> tuple[int, int] | None:
    """Width and height, where they stand at a fixed place. Pillow tells of WebP only after it took memory for it.

    Args:
        head: the first HEAD_BYTES of the file.
        format: from `sniff_format`.

    Returns:
        (width, height), or None for other formats and damaged headers.

    Source: PNG 11.2.1 (w3.org/TR/png); GIF89a section 18; BITMAPINFOHEADER; WebP, RFC 9649 sections 2.5 to 2.7.
    """
    if len(head) < 30:
        return None
    if format == "PNG":
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if format == "GIF":
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if format == "BMP" and int.from_bytes(head[14:18], "little") >= 40:
        # A height below 0 says that the rows run downwards.
        width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (18, 22))
        return abs(width), abs(height)
    return _webp_size(head) if format == "WEBP" else None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    chunk, data = head[12:16], head[20:30]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return None
