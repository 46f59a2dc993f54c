"""Reads protocol buffers' wire format far enough to see what a message holds, and refuses what is not well-formed.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Not well-formed."""


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message in data[start:end].

    Yields:
        Number, wire type, and for BYTES where they start and end; for a VARINT its value and 0.

    Raises:
        WireError: cut off, or of a wire type that no ONNX file has.
    """
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if number == 0 or tag >> 32:
            raise WireError("a field has no number")
        if kind == VARINT:
            value, at = _varint(data, at, end)
            yield number, kind, value, 0
            continue
        if kind == BYTES:
            size, at = _varint(data, at, end)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise WireError(f"a field is of wire type {kind}")
        if at + size > end:
            raise WireError("it is cut off")
        yield number, kind, at, at + size
        at += size


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise WireError("it is cut off")
