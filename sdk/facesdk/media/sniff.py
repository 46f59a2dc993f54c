"""What kind of picture some bytes are, by their first bytes, and how large where a decoder would allocate to tell."""

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


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header, which Pillow would allocate a canvas for before it tells.

    Args:
        head: the first HEAD_BYTES of the file.

    Returns:
        (width, height), or None if the header is damaged.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    chunk, data = head[12:16], head[20:30]
    if len(data) < 10:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return None
