"""Finds the pixel mark again, also after a crop, a turn, a mirror and a change of size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.ops.tile_mark import TILE_SIDE
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.tile import SHIFTS, STEP, SYMBOL_BITS, SYMBOLS, patterns
from facesdk.provenance.watermark_scale import likely_scales
from facesdk.types import F32, U8

LEAST_Z = 6.0
"""Robust standard deviations by which the pattern must stand out. The greatest of 16,384 places of noise is at 4.3."""
LEAST_Z_UNCHANGED = 5.5
"""The same where the picture has its own size: that is one of fifteen tries, and 14 bits must fit besides."""
SCALES = (1 / 2, 3 / 4, 2 / 3, 3 / 2, 4 / 3, 5 / 4, 4 / 5, 9 / 10, 5 / 6)
"""Sizes that programs like to give a picture; tried besides those that the picture itself suggests."""
MOST_PIXELS = 2048
"""Of a larger picture its middle is read."""
TURNS = 8
"""Four turns, and the same of the mirrored picture."""
_LEAST_SIDE = 48
_NEAR = 2
"""Frequencies on each side that count as around one."""


@dataclass(frozen=True)
class FoundMark:
    """A pixel mark that was read.

    Attributes:
        payload: what it says.
        z: by how many robust standard deviations it stands out.
        scale: size of the picture over its size when it was marked.
        turn: 0 to 3 quarter turns counter-clockwise, 4 more if it is mirrored.
    """

    payload: MarkPayload
    z: float
    scale: float
    turn: int


def read_mark(image: U8, thorough: bool = True) -> FoundMark | None:
    """Reads the pixel mark of a picture.

    Args:
        image: (H, W, 3) uint8 RGB, or its brightness (H, W).
        thorough: try other sizes than its own, too; some ten times as slow.

    Returns:
        The mark, or None if there is none that is certain.
    """
    return read_frames([image], thorough)


def read_frames(images: Sequence[U8], thorough: bool = True) -> FoundMark | None:
    """Reads the pixel mark that several frames of one film carry; what they say is added up.

    Args:
        images: as `read_mark`, of one size.
        thorough: as `read_mark`.
    """
    planes = [_middle(image) for image in images]
    found = _read_at(planes, 1.0)
    if found is not None or not thorough:
        return found
    for scale in _unlike(_scales(planes)):
        found = _read_at(planes, scale)
        if found is not None:
            return found
    return None


def _scales(planes: Sequence[U8]) -> Iterator[float]:
    yield from likely_scales([residual(plane) for plane in planes])
    yield from SCALES


def _unlike(scales: Iterable[float]) -> Iterator[float]:
    """Leaves out what was tried already."""
    tried = [1.0]
    for scale in scales:
        if all(abs(scale / other - 1.0) > 2e-4 for other in tried):
            tried.append(scale)
            yield scale


def _middle(image: U8) -> U8:
    """The brightness of a picture's middle."""
    top, left = max(0, image.shape[0] - MOST_PIXELS) // 2, max(0, image.shape[1] - MOST_PIXELS) // 2
    part = image[top : top + MOST_PIXELS, left : left + MOST_PIXELS]
    return cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if part.ndim == 3 else part


def _read_at(planes: Sequence[U8], scale: float) -> FoundMark | None:
    """Reads pictures that were resized by `scale` after they were marked."""
    height, width = planes[0].shape
    size_wh = round(width / scale), round(height / scale)
    if min(size_wh) < _LEAST_SIDE or max(size_wh) > 4 * MOST_PIXELS:
        return None
    way = cv2.INTER_AREA if scale > 1.0 else cv2.INTER_CUBIC
    residuals = [residual(plane if scale == 1.0 else cv2.resize(plane, size_wh, interpolation=way)) for plane in planes]
    total = np.sum([fold(values) for values in residuals], axis=0)
    found = _decode(total, np.abs(np.fft.fft2(total)) ** 2, scale)
    if found is None and scale == 1.0:
        # A texture of its own drowns in the few numbers of one tile, and shows in all of them.
        found = _decode(total, _power(residuals), scale)
    return found


def _decode(total: NDArray[np.float64], power: NDArray[np.float64], scale: float) -> FoundMark | None:
    """Reads a folded sum in all turns; `power` is what the picture itself has at each frequency, in any unit."""
    least_z = LEAST_Z_UNCHANGED if scale == 1.0 else LEAST_Z
    best: FoundMark | None = None
    whitened = np.fft.ifft2(np.fft.fft2(total) / _flattening(power)).real
    for turn in range(TURNS):
        # Turning the picture turns the tile: the folded sum is turned back, and not the picture.
        spectrum = np.fft.fft2(_upright(whitened, turn))
        places = _correlation(spectrum, 0)
        row, column = divmod(int(places.argmax()), TILE_SIDE)
        z = _stands_out(places, row, column)
        if z < least_z or (best is not None and z <= best.z):
            continue
        for play in (0, 1):
            payload = MarkPayload.from_code(_code(spectrum, row, column, play))
            if payload is not None:
                best = FoundMark(payload, z, scale, turn)
                break
    return best


def _upright(values: NDArray[np.float64], turn: int) -> NDArray[np.float64]:
    turned = np.rot90(values, -(turn % 4))
    return turned[:, ::-1] if turn >= 4 else turned


def residual(plane: U8) -> F32:
    """What is left of a picture without its content: (H, W) float32, of about equal strength everywhere."""
    values = plane.astype(np.float32)
    values -= cv2.GaussianBlur(values, (0, 0), 2.5)
    spread = np.sqrt(np.maximum(cv2.blur(values * values, (17, 17)), 0.0)) + 1.0
    return np.asarray(np.clip(values / spread, -3.0, 3.0), np.float32)


def fold(values: F32) -> NDArray[np.float64]:
    """The sum over all tiles of a plane, (128, 128)."""
    height, width = values.shape
    rows, columns = -(-height // TILE_SIDE), -(-width // TILE_SIDE)
    whole = np.zeros((rows * TILE_SIDE, columns * TILE_SIDE), np.float32)
    whole[:height, :width] = values
    return np.asarray(whole.reshape(rows, TILE_SIDE, columns, TILE_SIDE).sum((0, 2)), np.float64)


@lru_cache(maxsize=1)
def _spectra() -> NDArray[np.complex128]:
    return np.asarray(np.conj(np.fft.fft2(patterns())))


def _flattening(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to divide a spectrum by, so that a picture's own texture does not drown the mark: the power around a place.

    Source: Depovere, Kalker, Linnartz 1998, "Improved watermark detection reliability using filtering before
    correlation"; North's matched filter for coloured noise.
    """
    smooth = cv2.blur(np.pad(power, _NEAR, mode="wrap"), (2 * _NEAR + 1,) * 2)[_NEAR:-_NEAR, _NEAR:-_NEAR]
    return np.asarray(smooth + 1e-3 * smooth.mean() + 1e-9)


def _power(residuals: Sequence[F32]) -> NDArray[np.float64]:
    """Mean power of all tiles of the pictures, each half over the next one. Source: Welch 1967."""
    height, width = residuals[0].shape
    half = TILE_SIDE // 2
    total = np.zeros((TILE_SIDE, TILE_SIDE))
    for values in residuals:
        for top in range(0, max(1, height - TILE_SIDE + 1), half):
            for left in range(0, max(1, width - TILE_SIDE + 1), half):
                piece = values[top : top + TILE_SIDE, left : left + TILE_SIDE]
                total += np.abs(np.fft.fft2(piece, (TILE_SIDE, TILE_SIDE))) ** 2
    return total


def _correlation(spectrum: NDArray[np.complex128], number: int) -> NDArray[np.float64]:
    """Agreement with a pattern at each of its shifts."""
    return np.asarray(np.fft.ifft2(spectrum * _spectra()[number]).real)


def _stands_out(places: NDArray[np.float64], row: int, column: int) -> float:
    middle = np.median(places)
    spread = 1.4826 * float(np.median(np.abs(places - middle)))
    return float((places[row, column] - middle) / (spread + 1e-9))


def _code(spectrum: NDArray[np.complex128], row: int, column: int, play: int) -> int:
    """The 50 bits, from where each pattern lies beside the first one: at whole steps, give or take `play` pixels."""
    code = 0
    width = range(2 * play + 1)
    for number in range(SYMBOLS):
        places = np.roll(_correlation(spectrum, 1 + number), (play - row, play - column), (0, 1))
        near = np.max([places[y::STEP, x::STEP] for y in width for x in width], axis=0)
        code |= int(near[:SHIFTS, :SHIFTS].argmax()) << (SYMBOL_BITS * number)
    return code
