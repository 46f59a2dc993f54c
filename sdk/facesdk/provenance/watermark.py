"""Writes the pixel mark: a faint tile in the brightness that says what made the picture."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ProvenanceError
from facesdk.ops.tile_mark import MarkStrength, tile_mark
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.tile import code_tile
from facesdk.types import U8

LEAST_SIDE = 128
"""Shorter sides do not hold a whole tile; such pictures carry no pixel mark."""
STRENGTH = MarkStrength(least=250, slope=14, most=510, cap=20 * 16)
"""About one level where the picture is flat, two at most where it is busy: never less than 42 dB."""


def can_carry(size_hw: tuple[int, int]) -> bool:
    """Whether a picture is large enough for the pixel mark."""
    return min(size_hw) >= LEAST_SIDE


def live_marker(threads: int = 1) -> PixelMarker:
    """The marker of one live session: its number is drawn, so that two sessions cannot be linked by it."""
    return PixelMarker(MarkPayload("swap", "live", secrets.randbits(32)), threads)


class PixelMarker:
    """Writes one payload into pictures or the brightness planes of frames. Safe to call from several threads.

    Args:
        payload: what they shall say.
        threads: most that work on one.
    """

    def __init__(self, payload: MarkPayload, threads: int = 1) -> None:
        self.payload = payload
        self._threads = threads
        self._tile = code_tile(payload.code)

    def mark(self, image: U8) -> U8:
        """A marked copy.

        Args:
            image: (H, W, 3) uint8 RGB, or a plane (H, W) uint8.

        Raises:
            ProvenanceError: it is smaller than LEAST_SIDE.
        """
        self._check(image.shape)
        return tile_mark(np.ascontiguousarray(image), self._tile, STRENGTH, threads=self._threads)

    def mark_in_place(self, plane: NDArray[Any]) -> None:
        """Marks a picture or plane itself; this is the way of films and live pictures.

        Args:
            plane: (H, W, 3) or (H, W) uint8, or a plane of 10 bits as (H, W) uint16; samples of a row side by side.

        Raises:
            ProvenanceError: it is smaller than LEAST_SIDE.
        """
        self._check(plane.shape)
        if plane.dtype == np.uint8:
            tile_mark(plane, self._tile, STRENGTH, out=plane, threads=self._threads)
            return
        coarse = (plane >> 2).astype(np.uint8)
        added = tile_mark(coarse, self._tile, STRENGTH, threads=self._threads).astype(np.int32) - coarse
        plane[...] = np.clip(plane + 4 * added, 0, 1023)

    def _check(self, shape: tuple[int, ...]) -> None:
        if not can_carry((shape[0], shape[1])):
            raise ProvenanceError(f"{shape[1]}x{shape[0]} pixels cannot carry the pixel mark: {LEAST_SIDE} are needed.")
