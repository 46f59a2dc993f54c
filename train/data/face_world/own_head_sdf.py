"""A head as a signed distance: ellipsoids and capsules joined and cut with smooth blends; rays find its surface."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from train.data.face_world.types import F32

# One row of a primitive table. All of it is mirrored: |x| is used, so x >= 0 describes both halves.
KIND = 0  # 0 ellipsoid, 1 capsule
CUT = 1  # 0 joins, 1 cuts away
BLEND = 2  # width of the smooth blend, interocular units
CENTRE = slice(3, 6)  # of the ellipsoid, or the capsule's first end
SIZE = slice(6, 9)  # radii of the ellipsoid, or the capsule's second end
RADIUS = slice(9, 11)  # radii at the capsule's ends
TILT = 11  # ellipsoid: radians about x, positive lowers the front
COLUMNS = 12
_SOFT_MIDDLE = 0.0009  # rounds |x| at the middle, so that mirrored pieces meet without a crease


@njit(cache=True, nogil=True, fastmath=True)
def signed_distance(x, y, z, table, turns):  # type: ignore[no-untyped-def]
    """Approximate distance to the head's surface, negative inside.

    Args:
        x, y, z: the point, interocular units.
        table: (P, COLUMNS) float64 primitives; the first one joins.
        turns: (P, 2) float64 of `tilt_turns`.

    Source: ellipsoid bound and polynomial smooth minimum, https://iquilezles.org/articles/distfunctions/ and /smin/.
    """
    x = math.sqrt(x * x + _SOFT_MIDDLE)
    total = 1e9
    for k in range(table.shape[0]):
        px, py, pz = x - table[k, 3], y - table[k, 4], z - table[k, 5]
        if table[k, KIND] == 0.0:
            tilt = table[k, TILT]
            if tilt != 0.0:
                cosine, sine = turns[k, 0], turns[k, 1]
                py, pz = cosine * py + sine * pz, cosine * pz - sine * py
            px, py, pz = px / table[k, 6], py / table[k, 7], pz / table[k, 8]
            near = math.sqrt(px * px + py * py + pz * pz)
            px, py, pz = px / table[k, 6], py / table[k, 7], pz / table[k, 8]
            slope = math.sqrt(px * px + py * py + pz * pz)
            distance = near * (near - 1.0) / max(slope, 1e-6)
        else:
            dx, dy, dz = table[k, 6] - table[k, 3], table[k, 7] - table[k, 4], table[k, 8] - table[k, 5]
            along = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
            along = min(max(along, 0.0), 1.0)
            px, py, pz = px - along * dx, py - along * dy, pz - along * dz
            distance = math.sqrt(px * px + py * py + pz * pz) - (table[k, 9] + along * (table[k, 10] - table[k, 9]))
        blend = table[k, BLEND]
        if table[k, CUT] == 1.0:
            h = min(max(0.5 - 0.5 * (total + distance) / blend, 0.0), 1.0)
            total = total + (-distance - total) * h + blend * h * (1.0 - h)
        elif k == 0:
            total = distance
        else:
            h = min(max(0.5 + 0.5 * (total - distance) / blend, 0.0), 1.0)
            total = total + (distance - total) * h - blend * h * (1.0 - h)
    return total


@njit(cache=True, nogil=True)
def tilt_turns(table):  # type: ignore[no-untyped-def]
    """Cosine and sine of every primitive's tilt, (P, 2) float64: a ray asks for them at each of its steps."""
    turns = np.empty((len(table), 2))
    for k in range(len(table)):
        turns[k, 0], turns[k, 1] = math.cos(table[k, TILT]), math.sin(table[k, TILT])
    return turns


@njit(cache=True, nogil=True, fastmath=True)
def first_exits(origins, directions, table, reach):  # type: ignore[no-untyped-def]
    """Where rays that start inside first leave the head.

    Args:
        origins: (N, 3) float64 inside the head.
        directions: (N, 3) float64 unit vectors.
        table: (P, COLUMNS) float64 primitives.
        reach: longest way, interocular units.

    Returns:
        (N,) float64 distances along the rays, at most reach.
    """
    ways = np.empty(origins.shape[0])
    turns = tilt_turns(table)
    for i in range(origins.shape[0]):
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        inside, depth, way, outside, height = 0.0, -1.0, 0.0, -1.0, 1.0
        for _ in range(60):
            distance = signed_distance(ox + way * dx, oy + way * dy, oz + way * dz, table, turns)
            if distance >= 0.0:
                outside, height = way, distance
                break
            inside, depth = way, distance
            way += max(-0.8 * distance, 0.006)
            if way > reach:
                break
        if outside < 0.0:
            ways[i] = min(way, reach)
            continue
        # false position between the last point inside and the first one outside
        for _ in range(3):
            way = inside + (outside - inside) * depth / (depth - height)
            distance = signed_distance(ox + way * dx, oy + way * dy, oz + way * dz, table, turns)
            if distance < 0.0:
                inside, depth = way, distance
            else:
                outside, height = way, distance
        ways[i] = inside + (outside - inside) * depth / (depth - height) if height > depth else way
    return ways


def surface_points(origins: F32, directions: F32, table: F32, reach: float = 4.0) -> F32:
    """Points where rays first leave the head.

    Args:
        origins: (..., 3) inside the head.
        directions: (..., 3) unit vectors.
        table: (P, COLUMNS) primitives.
        reach: longest way, interocular units.

    Returns:
        (..., 3) float64.
    """
    flat_origins = np.ascontiguousarray(origins.reshape(-1, 3), np.float64)
    flat_directions = np.ascontiguousarray(directions.reshape(-1, 3), np.float64)
    ways = first_exits(flat_origins, flat_directions, np.ascontiguousarray(table, np.float64), reach)
    return (flat_origins + ways[:, None] * flat_directions).reshape(origins.shape)
