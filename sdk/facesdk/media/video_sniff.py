"""Whether some bytes begin a film, by the first of them; the file's extension is never asked."""

from __future__ import annotations

from pathlib import Path

VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv",
)  # fmt: skip
"""What films are usually called: only to choose the files of a folder."""

_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def is_video_head(head: bytes) -> bool:
    """Tells films from all else by their magic number.

    Args:
        head: the first 512 bytes of the file.

    Source: ISO/IEC 14496-12 section 4.3 (ftyp); RFC 8794 (EBML); MPEG-2 systems (sync byte 0x47 every 188 bytes).
    """
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head[4:8] in _QUICKTIME_BOXES:
        return True
    if head.startswith((b"\x1a\x45\xdf\xa3", b"FLV\x01", _ASF, b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3")):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return any(len(head) > at + 376 and all(head[at + k] == 0x47 for k in (0, 188, 376)) for at in (0, 4))


def is_video_file(path: Path) -> bool:
    """Whether a file begins as a film does; False for what cannot be read."""
    try:
        with open(path, "rb") as stream:
            return is_video_head(stream.read(512))
    except OSError:
        return False
