"""The own head's grid: rows of rays from crown to shoulders, columns around; rows run exactly along eyes and mouth.

Rays of a row share a start on the head's axis and a tilt. Where the tilt is 0 the row is level: its points have the
row's height whatever the person's shape, so lids and lips always lie where the slits are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.data.face_world.own_head_canon import MOUTH_Y
from train.data.face_world.types import F32

_FRONT_REACH = 1.35  # from the axis to the face; the height of a tilted row is right at this distance
# height at the face, rows from the one above, tilt in degrees at the front, share of the tilt that stays at the back
_STATIONS = (
    (0.62, 0, 0.0, 1.0),
    (0.28, 10, 0.0, 1.0),
    (0.14, 7, 0.0, 1.0),
    (0.0, 11, 0.0, 1.0),
    (-0.12, 10, 0.0, 0.0),
    (-0.30, 8, -4.0, 0.0),
    (-0.48, 8, -16.0, 0.0),
    (-0.62, 12, -22.0, 0.0),
    (-0.70, 4, -10.0, 0.0),
    (-0.80, 4, 0.0, 0.0),
    (MOUTH_Y, 9, 0.0, 0.0),
    (-1.10, 9, 0.0, 0.0),
    (-1.26, 6, 0.0, 0.0),
)
_CROWN_TILTS = (87.0, 4.0, 15)  # degrees: first, last, rows; from the axis at the height of the first station
# below the chin groove: start height on the axis, tilt at the front, start z
_CHIN = (
    (-1.26, 0.0, -1.00),
    (-1.30, -7.0, -1.00),
    (-1.34, -15.0, -1.00),
    (-1.42, -26.0, -1.01),
    (-1.55, -38.0, -1.04),
    (-1.75, -44.0, -1.10),
    (-2.00, -36.0, -1.18),
    (-2.30, -18.0, -1.24),
    (-2.60, -4.0, -1.28),
    (-2.90, 0.0, -1.32),
    (-3.60, 0.0, -1.40),
)
_CHIN_ROWS = 28
_AXIS_Z = -1.0
# column azimuths in degrees: from the front, (azimuth, columns from the one before)
_AZIMUTHS = ((38.0, 37), (62.0, 11), (100.0, 8), (176.0, 8))


@dataclass(frozen=True)
class Grid:
    """Rays of the grid's right half (x >= 0) and where the slits are.

    Attributes:
        origins: (R, H, 3) float64 starts of the rays, H columns from the middle to the back.
        directions: (R, H, 3) float64 unit vectors.
        eye_row: row of the lids' line.
        mouth_row: row of the lips' line.
        columns: of the whole grid, 2 H - 1: from the back at negative x over the middle to the back at positive x.
    """

    origins: F32
    directions: F32
    eye_row: int
    mouth_row: int
    columns: int


def build_grid() -> Grid:
    """The grid of every own head."""
    heights, tilts, back_shares, depths, reaches = _rows()
    azimuth = np.radians(_columns())
    front = 0.5 + 0.5 * np.cos(azimuth)  # 1 at the front, 0 at the back
    share = back_shares[:, None] + (1.0 - back_shares[:, None]) * front**1.5
    tilt = np.radians(tilts)[:, None] * share
    directions = np.stack([np.cos(tilt) * np.sin(azimuth), np.sin(tilt), np.cos(tilt) * np.cos(azimuth)], -1)
    origins = np.zeros_like(directions)
    origins[..., 1] = heights[:, None] - reaches[:, None] * np.tan(tilt)
    origins[..., 2] = depths[:, None]
    level = [k for k, tilt in enumerate(tilts) if tilt == 0.0]
    eye_row = min(level, key=lambda k: abs(heights[k]))
    mouth_row = min(level, key=lambda k: abs(heights[k] - MOUTH_Y))
    return Grid(origins, directions, eye_row, mouth_row, 2 * len(azimuth) - 1)


def _rows() -> tuple[F32, F32, F32, F32, F32]:
    """Per row: height, tilt in degrees, share of the tilt at the back, start z, distance where the height is right."""
    first, last, crown_rows = _CROWN_TILTS
    crown = np.linspace(first, last, crown_rows)
    rows = [(_STATIONS[0][0], tilt, 1.0, _AXIS_Z, 0.0) for tilt in crown]
    for (y0, _, tilt0, share0), (y1, count, tilt1, share1) in zip(_STATIONS[:-1], _STATIONS[1:], strict=True):
        for k in range(count):
            t = k / count
            tilt = tilt0 + (tilt1 - tilt0) * t
            rows.append((y0 + (y1 - y0) * t, tilt, share0 + (share1 - share0) * t, _AXIS_Z, _FRONT_REACH))
    place = np.linspace(0.0, len(_CHIN) - 1.0, _CHIN_ROWS)
    stations = np.array(_CHIN).T
    height, tilt, depth = (np.interp(place, np.arange(len(_CHIN)), column) for column in stations)
    rows += [(*row, 0.0) for row in zip(height, tilt, np.full(_CHIN_ROWS, 0.1), depth, strict=True)]
    heights, tilts, shares, depths, reaches = np.array(rows).T
    return heights, tilts, shares, depths, reaches


def _columns() -> F32:
    """Azimuths in degrees from the front (0) to the back."""
    azimuths = [0.0]
    for end, count in _AZIMUTHS:
        azimuths += list(np.linspace(azimuths[-1], end, count + 1)[1:])
    return np.array(azimuths)
