"""What cloth looks like: patterns, yarn and folds as functions of the place on a body."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from train.data.face_world.noise import hash_cell
from train.data.face_world.palette import srgb_to_linear
from train.data.face_world.rich_types import PATTERNS, Fabric
from train.data.face_world.types import F32

FABRIC_COLUMNS, FABRIC_GLOSS = 13, 11
_AXIS_Z = -1.3  # the fabric's angle is taken about a vertical line through here, head space
_ROUND = 1.5  # units of fabric for a radian round that line
_STRIPES, _PLAID, _KNIT = PATTERNS.index("stripes"), PATTERNS.index("plaid"), PATTERNS.index("knit")
_DENIM, _HEATHER, _DOTS = PATTERNS.index("denim"), PATTERNS.index("heather"), PATTERNS.index("dots")
_PANELS = PATTERNS.index("panels")


def fabric_row(fabric: Fabric) -> F32:
    """A fabric as the shading kernel reads it, (FABRIC_COLUMNS,) float32."""
    head = [*srgb_to_linear(fabric.color), *srgb_to_linear(fabric.second), PATTERNS.index(fabric.pattern)]
    turn = [math.cos(fabric.turn), math.sin(fabric.turn)]
    return np.array([*head, fabric.scale, *turn, fabric.folds, fabric.gloss, fabric.scale * 7.3], np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def _wave(place: float, softness: float) -> float:
    """A square wave of period 1 with soft edges, 0..1."""
    away = abs(place - math.floor(place) - 0.5) - 0.25
    return min(max(0.5 - away / max(softness, 1e-3), 0.0), 1.0)


@njit(cache=True, nogil=True, fastmath=True)
def _shown(period: float, footprint: float) -> float:
    """Share of a pattern's contrast that is left where samples are as wide as this."""
    return min(max(1.6 - 4.0 * footprint / period, 0.0), 1.0)


@njit(cache=True, nogil=True, fastmath=True)
def fabric_at(
    fabric: F32, x: float, y: float, z: float, footprint: float
) -> tuple[float, float, float, float, float, float]:
    """Cloth at a point.

    Args:
        fabric: (FABRIC_COLUMNS,) of `fabric_row`.
        x: the point before its pose, head space.
        y: up.
        z: towards the viewer.
        footprint: interocular units from one sample to the next.

    Returns:
        linear r, g, b; slope of the surface round the body and upwards; angle round the body.
    """
    angle = math.atan2(x, z - _AXIS_Z)
    along, scale = _ROUND * angle, fabric[7]
    u, v = fabric[8] * along - fabric[9] * y, fabric[9] * along + fabric[8] * y
    kind = int(fabric[6])
    mix, shade, slope_u, slope_v = 0.0, 1.0, 0.0, 0.0
    if kind == _STRIPES:
        period = 0.26 * scale
        mix = _wave(v / period, 2.0 * footprint / period)
    elif kind == _PLAID:
        period = 0.42 * scale
        soft = 2.0 * footprint / period
        mix = 0.42 * (_wave(u / period, soft) + _wave(v / period, soft))
        mix += 0.3 * _wave(u / period * 2.0 + 0.3, 3.0 * soft) * _wave(v / period * 2.0 + 0.3, 3.0 * soft)
    elif kind == _KNIT:
        period = 0.085 * scale
        show = _shown(period, footprint)
        rib = 2.0 * math.pi * along / period
        row = 2.0 * math.pi * (y / (0.7 * period) + 0.5 * abs(math.sin(0.5 * rib)))
        shade = 1.0 + show * (0.16 * math.cos(rib) + 0.08 * math.cos(row))
        slope_u, slope_v = 0.45 * show * math.sin(rib), 0.2 * show * math.sin(row)
    elif kind == _DENIM:
        period = 0.03
        show = _shown(period, footprint)
        speck = hash_cell(int(math.floor(u / 0.022)), int(math.floor(v / 0.05)), 3, 11) / 2147483648.0 - 0.5
        mix = 0.10 + 0.22 * speck + 0.12 * show * math.sin(2.0 * math.pi * (u + v) / period)
        mix += 0.12 * math.sin(2.1 * u + 1.3) * math.sin(1.7 * v)
    elif kind == _HEATHER:
        cell = max(0.018, 1.2 * footprint)
        speck = hash_cell(int(math.floor(u / cell)), int(math.floor(v / (1.6 * cell))), 5, 12) / 2147483648.0
        mix = 0.45 * speck * speck
    elif kind == _DOTS:
        period = 0.24 * scale
        du, dv = u / period, v / period
        du += 0.5 * (math.floor(dv) % 2)
        du, dv = du - math.floor(du) - 0.5, dv - math.floor(dv) - 0.5
        edge = max(1.5 * footprint / period, 0.02)
        mix = min(max((0.24 - math.sqrt(du * du + dv * dv)) / edge + 0.5, 0.0), 1.0)
    elif kind == _PANELS:
        sixth = angle * 3.0 / math.pi + 0.5
        near = abs(sixth - math.floor(sixth) - 0.5)
        seam = min(max((near - 0.485) * 60.0, 0.0), 1.0)
        shade = 1.0 - 0.35 * seam
        mix = 1.0 if abs(angle) < 0.52 else 0.0
    yarn = 0.045
    weave = _shown(yarn, footprint) * math.sin(2.0 * math.pi * along / yarn) * math.sin(2.0 * math.pi * y / yarn)
    shade *= 1.0 + 0.04 * weave
    # folds: waves bent by waves, steepest where two meet
    folds, phase = fabric[10], fabric[12]
    bend = 1.1 * math.sin(1.9 * y + phase)
    first = math.cos(3.1 * along + 2.3 * y + bend + phase)
    second = math.cos(-2.2 * along + 4.3 * y + 1.7 * math.sin(1.3 * along) + 2.0 * phase)
    slope_u += folds * (0.20 * first - 0.13 * second)
    slope_v += folds * (0.10 * first + 0.24 * second)
    shade *= 1.0 - 0.10 * folds * max(-first * second, 0.0)
    mix = min(max(mix, 0.0), 1.0)
    red = (fabric[0] + (fabric[3] - fabric[0]) * mix) * shade
    green = (fabric[1] + (fabric[4] - fabric[1]) * mix) * shade
    blue = (fabric[2] + (fabric[5] - fabric[2]) * mix) * shade
    return max(red, 0.002), max(green, 0.002), max(blue, 0.002), slope_u, slope_v, angle
