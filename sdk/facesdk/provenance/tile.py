"""The tile of the pixel mark: one pattern to find it by, and five whose shifts are its bits."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facesdk.ops.tile_mark import MOST, TILE_SIDE, TILE_UNIT
from facesdk.provenance.payload import CODE_BITS
from facesdk.types import F32

SYMBOLS = 5
SYMBOL_BITS = CODE_BITS // SYMBOLS
STEP = 4
"""Pixels from one shift to the next: what is left of it at half the size is still two."""
SHIFTS = TILE_SIDE // STEP
# The pattern that finds the mark decides whether anything is read at all, so it is stronger than each of the others.
SYNC_WEIGHT = 1.3
# Cycles per pixel: what a JPEG of quality 75 keeps, and what is left at half the size.
_BAND_CENTRE, _BAND_WIDTH = 0.14, 0.06


@lru_cache(maxsize=1)
def patterns() -> F32:
    """(1 + SYMBOLS, 128, 128) float32, mean 0 and variance 1: band-passed noise that is the same on every machine.

    Source: Cox et al. 1997, "Secure spread spectrum watermarking for multimedia"; the key is public, since the mark
    discloses and hides nothing.
    """
    frequency = np.fft.fftfreq(TILE_SIDE)
    radius = np.hypot(frequency[:, None], frequency[None])
    band = np.exp(-(((radius - _BAND_CENTRE) / _BAND_WIDTH) ** 2))
    out = []
    for number in range(1 + SYMBOLS):
        data = hashlib.shake_256(f"facesdk pixel mark 1, pattern {number}".encode()).digest(TILE_SIDE**2 // 8)
        signs = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(TILE_SIDE, TILE_SIDE) * 2.0 - 1.0
        shaped = np.fft.ifft2(np.fft.fft2(signs) * band).real
        out.append((shaped - shaped.mean()) / shaped.std())
    return np.asarray(out, np.float32)


@lru_cache(maxsize=16)
def code_tile(code: int) -> NDArray[np.int16]:
    """The tile that carries 50 bits.

    Args:
        code: from `MarkPayload.code`.

    Returns:
        (128, 128) int16, standard deviation of one level (1/128 of a level is 1), read-only.
    """
    shapes = patterns().astype(np.float64)
    total = SYNC_WEIGHT * shapes[0]
    for number in range(SYMBOLS):
        total += np.roll(shapes[1 + number], symbol_shift(code >> (SYMBOL_BITS * number)), (0, 1))
    tile = np.rint(total / total.std() * TILE_UNIT)
    out: NDArray[np.int16] = np.clip(tile, 1 - MOST, MOST - 1).astype(np.int16)
    out.setflags(write=False)
    return out


def symbol_shift(symbol: int) -> tuple[int, int]:
    """Rows and columns by which ten bits shift their pattern."""
    value = symbol & ((1 << SYMBOL_BITS) - 1)
    return value // SHIFTS * STEP, value % SHIFTS * STEP
