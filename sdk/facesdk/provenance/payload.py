"""What the pixel mark says: 40 bits, and 10 more that tell whether they were read rightly."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from facesdk.errors import ProvenanceError
from facesdk.provenance.label import SOURCE_TYPES, Kind
from facesdk.types import RgbImage

Medium = Literal["still", "film", "live"]
MEDIA: tuple[str, ...] = get_args(Medium)
KINDS = tuple(SOURCE_TYPES)
VERSION = 1
WORD_BITS = 40
CHECK_BITS = 10
CODE_BITS = WORD_BITS + CHECK_BITS
_ID_BITS = 32
# x^10 + x^9 + x^5 + x^4 + x + 1. Source: ITU-T I.610, CRC-10.
_POLYNOMIAL = 0x633


@dataclass(frozen=True)
class MarkPayload:
    """The 40 bits: version 4, kind 2, medium 2, number 32.

    Nothing in them names a person, an identity or an installation. The number is a hash of the very work, so that two
    pictures of one user cannot be told to be of one user; the user's own audit log has it, and the C2PA manifest too.

    Attributes:
        kind: "swap" or "generate", as in the label.
        medium: "still", "film" or "live".
        number: 0 to 2**32 - 1.
    """

    kind: Kind
    medium: Medium
    number: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.medium not in MEDIA or not 0 <= self.number < 1 << _ID_BITS:
            raise ProvenanceError(f"{self.kind!r}, {self.medium!r}, {self.number}: no pixel mark can say that.")

    @classmethod
    def of(cls, kind: Kind, medium: Medium, work: bytes | str | RgbImage) -> Self:
        """The payload of a work.

        Args:
            kind, medium: as the attributes.
            work: what tells it from all others: a picture before it is marked, or the facts of a film's job.
        """
        if isinstance(work, str):
            data: bytes | memoryview = work.encode()
        elif isinstance(work, bytes):
            data = work
        else:
            data = np.ascontiguousarray(work).data
        return cls(kind, medium, int.from_bytes(hashlib.sha256(data).digest()[:4], "big"))

    @property
    def text(self) -> str:
        """The number as eight hexadecimal digits."""
        return f"{self.number:08x}"

    @property
    def code(self) -> int:
        """The 40 bits and their 10 check bits, as one number."""
        word = VERSION << 36 | KINDS.index(self.kind) << 34 | MEDIA.index(self.medium) << 32 | self.number
        return word << CHECK_BITS | _check(word)

    @classmethod
    def from_code(cls, code: int) -> Self | None:
        """Reads `code` back; None if the check bits do not fit or it is of no known version."""
        word = code >> CHECK_BITS
        if _check(word) != code & ((1 << CHECK_BITS) - 1) or word >> 36 != VERSION:
            return None
        kind, medium = word >> 34 & 3, word >> 32 & 3
        if kind >= len(KINDS) or medium >= len(MEDIA):
            return None
        return cls(KINDS[kind], MEDIA[medium], word & 0xFFFFFFFF)  # type: ignore[arg-type]


def _check(word: int) -> int:
    """CRC-10 of 40 bits."""
    register = word << CHECK_BITS
    for bit in range(CODE_BITS - 1, CHECK_BITS - 1, -1):
        if register >> bit & 1:
            register ^= _POLYNOMIAL << (bit - CHECK_BITS)
    return register
