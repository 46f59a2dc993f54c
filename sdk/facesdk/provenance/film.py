"""The label in films: an XMP packet in MP4 and QuickTime, tags in Matroska."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from facesdk.errors import MediaError, ProvenanceError
from facesdk.media.video_info import open_container
from facesdk.provenance.label import SOURCE_TYPES, Kind, packet_source_type, xmp_packet

# Source: XMP Specification Part 3, section 1.1.3 (MPEG-4): a top-level uuid box with this number.
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
TAG = "DIGITAL_SOURCE_TYPE"
_MAX_PACKET_BYTES = 1 << 20


def film_tags(kind: Kind, aigc: str = "") -> dict[str, str]:
    """Tags of the container that carry the label in words that any player shows.

    Args:
        kind: "swap" or "generate".
        aigc: China's AIGC element as JSON, or "".

    Raises:
        ProvenanceError: an unknown kind.
    """
    if kind not in SOURCE_TYPES:
        raise ProvenanceError(f"kind={kind!r}: {' or '.join(map(repr, SOURCE_TYPES))} expected. Not marked.")
    what = "Parts of this film were" if kind == "swap" else "This film was"
    return {"comment": f"{what} made by a trained algorithm (facesdk).", TAG: SOURCE_TYPES[kind]} | (
        {"AIGC": aigc} if aigc else {}
    )


def add_film_xmp(path: Path, kind: Kind, aigc: str = "") -> None:
    """Appends the label to an MP4 or QuickTime file as its last box; other formats carry it in their tags.

    Raises:
        MediaError: it cannot be written.
    """
    packet = xmp_packet(kind, aigc)
    try:
        with open(path, "r+b") as stream:
            if stream.read(8)[4:8] != b"ftyp":
                return
            stream.seek(0, os.SEEK_END)
            stream.write((8 + 16 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_UUID + packet)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be marked: {error.strerror}.", "Free some space.") from error


def read_film_label(path: Path) -> tuple[str, str] | None:
    """The DigitalSourceType that a film carries, and where: "XMP" or "tag".

    Returns:
        (the term's address, where), or None if the film has no such label.

    Raises:
        MediaError: it is no film.
    """
    packet = _xmp_of(path)
    found = packet_source_type(packet) if packet else None
    if found is not None:
        return found, "XMP"
    with open_container(path) as container:
        tags = {key.upper(): value for key, value in container.metadata.items()}
    return (tags[TAG], "tag") if TAG in tags else None


def _xmp_of(path: Path) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            for kind, start, size in _boxes(stream):
                if kind == b"uuid" and size <= _MAX_PACKET_BYTES:
                    stream.seek(start)
                    if stream.read(16) == XMP_UUID:
                        return stream.read(size - 16)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    return None


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the content and its size for every top-level box. Source: ISO/IEC 14496-12, section 4.2."""
    end = stream.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= end:
        stream.seek(at)
        head = stream.read(16)
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if at == 0 and kind != b"ftyp":
            return
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - at
        if size < header or at + size > end:
            return
        yield kind, at + header, size - header
        at += size
