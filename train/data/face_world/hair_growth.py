"""Kernels that grow guides over the skull and strands between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from train.data.face_world.hair_styles import Comb, HairStyle
from train.data.face_world.scalp import SkullMap, skull_radius
from train.data.face_world.types import F32, I32, Hair

_SUBSTEPS = 2  # of a guide between two control points
_CLEARANCE = 0.01  # of strands over the skull
_COLLIDES_ABOVE = 1.44  # below the skull's centre there is only neck: strands hang freely


@dataclass(frozen=True)
class CombField:
    """Where hair is combed to, in head space.

    Attributes:
        comb: kind of field.
        part: x of the parting.
        drift: sideways pull of a fringe.
        down: downward pull of a fringe.
        centre: (3,) float32 of the skull.
        crown: (3,) float32 whorl.
        target: (3,) float32 centre of a knot.
    """

    comb: Comb
    part: float
    drift: float
    down: float
    centre: F32
    crown: F32
    target: F32


def grow_guides(
    roots: F32,
    normals: F32,
    length: F32,
    layer: F32,
    style: HairStyle,
    field: CombField,
    skull: SkullMap,
    draw: np.random.Generator,
) -> F32:
    """Comb guide strands over the skull.

    Args:
        roots: (G, 3) float32 head space.
        normals: (G, 3) float32.
        length: (G,) float32.
        layer: (G,) float32, height over the skull that a guide keeps.
        style: numbers of the cut.
        field: comb field.
        skull: to collide with.
        draw: random numbers.

    Returns:
        (G, style.points, 3) float32.
    """
    steps = (style.points - 1) * _SUBSTEPS
    wobble = draw.standard_normal((len(roots), steps, 3)).astype(np.float32) * np.float32(
        0.1 if style.wave > 0 else 0.0
    )
    numbers = np.array([style.follow, style.gravity, style.stand, style.outward, style.inertia], np.float32)
    combing = np.array([field.part, field.drift, field.down], np.float32)
    anchors = np.stack([field.centre, field.crown, field.target]).astype(np.float32)
    return _grow_guides(
        roots, normals, length, layer, wobble, numbers, int(field.comb), combing, anchors, skull.radius, style.points
    )


def grow_children(
    roots: F32,
    guides: F32,
    nearest: I32,
    share: F32,
    length: F32,
    layer: F32,
    first: int,
    hair: Hair,
    style: HairStyle,
    skull: SkullMap,
    draw: np.random.Generator,
) -> F32:
    """Strands between guides.

    Args:
        roots: (N, 3) float32 head space.
        guides: (G, S, 3) float32.
        nearest: (N, 3) int32 guides that each strand follows.
        share: (N, 3) float32, sums to 1.
        length: (G + N,) float32, guides first.
        layer: (G + N,) float32.
        first: index of the first strand in length and layer.
        hair: curl is read.
        style: numbers of the cut.
        skull: to collide with.
        draw: random numbers.

    Returns:
        (N, S, 3) float32.
    """
    count, points = len(roots), guides.shape[1]
    clump = (style.clump * draw.uniform(0.3, 1.3, count)).astype(np.float32)
    spread = 0.0056 * np.sqrt(style.length / 1.92)
    wander = np.cumsum(draw.standard_normal((count, points, 3), np.float32) * np.float32(spread), 1)
    phase = (draw.uniform(0, 2 * np.pi, len(guides))[nearest[:, 0]] + 0.5 * draw.standard_normal(count)).astype(
        np.float32
    )
    wave = style.wave if style.wave > 0 else 0.02 * (hair.curl > 0.8)
    scale = length[first:] / np.maximum((length[nearest] * share).sum(1), 1e-3)
    own = np.stack([scale, layer[first:] - layer[nearest[:, 0]]], 1).astype(np.float32)
    numbers = np.array(
        [wave, style.turns + style.turns_gain * hair.curl, 0.0 if style.outward > 0.2 else 1.0], np.float32
    )
    return _grow_children(roots, guides, nearest, share, own, clump, wander, phase, numbers, skull.centre, skull.radius)


@njit(cache=True, nogil=True, fastmath=True)
def _comb(kind, px, py, pz, combing, anchors, out):  # type: ignore[no-untyped-def]
    """Unit direction along the skull at a point, into out; zero where nothing is combed."""
    part, drift, down = combing[0], combing[1], combing[2]
    nx, ny, nz = px - anchors[0, 0], py - anchors[0, 1], pz - anchors[0, 2]
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-8
    nx, ny, nz = nx / length, ny / length, nz / length
    cx, cy, cz = px - anchors[1, 0], py - anchors[1, 1], pz - anchors[1, 2]
    length = np.sqrt(cx * cx + cy * cy + cz * cz) + 1e-8
    cx, cy, cz = cx / length, cy / length, cz / length
    x = y = z = 0.0
    if kind == 1:  # PART
        side = np.tanh((px - part) / 0.16)
        x, y, z = side, -0.25, -0.35
        if pz > -0.48 and side * (-1.0 if part > 0 else 1.0) > 0:
            y += 0.35
    elif kind == 2:  # BACK
        top = min(max((pz + 2.0) / 0.9, 0.0), 1.0)  # behind the crown it falls down the nape
        x, y, z = 0.2 * px * top, 0.15 * top - (1 - top), -top
    elif kind == 3:  # FORWARD
        x, y, z = 0.6 * (px - part), -0.4, (0.6 if pz > -0.96 else -0.5)
    elif kind == 4:  # CROWN
        x, y, z = cx + drift, cy - down, cz
    elif kind == 5 or kind == 6:  # LONG
        side = np.tanh((px - part) / 0.13)
        front = min(max((pz + 1.757) / 0.958, 0.0), 1.0)
        x = front * side + (1 - front) * cx
        y = -0.35 * front + (1 - front) * cy
        z = -0.55 * front + (1 - front) * cz
        if kind == 6 and pz > -0.4 and abs(px) < 0.88:
            x, y, z = 0.0, -1.0, 0.25
    elif kind == 7:  # KNOT
        x, y, z = anchors[2, 0] - px, anchors[2, 1] - py, anchors[2, 2] - pz
    elif kind == 8:  # CREST
        x, y, z = -1.5 * px, 0.4, -0.35
    along = x * nx + y * ny + z * nz
    x, y, z = x - along * nx, y - along * ny, z - along * nz
    length = np.sqrt(x * x + y * y + z * z) + 1e-8
    out[0], out[1], out[2] = x / length, y / length, z / length


@njit(cache=True, nogil=True, fastmath=True)
def _grow_guides(roots, normals, length, layer, wobble, numbers, kind, combing, anchors, radius_map, points):  # type: ignore[no-untyped-def]
    follow, gravity, stand, outward, inertia = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    centre = anchors[0]
    out = np.empty((len(roots), points, 3), np.float32)
    comb = np.empty(3, np.float32)
    d = np.empty(3, np.float32)
    p = np.empty(3, np.float32)
    before = np.empty(3, np.float32)
    for g in range(len(roots)):
        for c in range(3):
            p[c] = roots[g, c]
            out[g, 0, c] = p[c]
        _comb(kind, p[0], p[1], p[2], combing, anchors, comb)
        for c in range(3):
            d[c] = normals[g, c] * stand + 0.7 * comb[c]
        _normalize(d)
        steps = wobble.shape[1]
        step = length[g] / steps
        for k in range(1, steps + 1):
            nx, ny, nz = p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]
            r = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-8
            over = r - skull_radius(radius_map, nx, ny, nz)
            _comb(kind, p[0], p[1], p[2], combing, anchors, comb)
            near = np.exp(-max(0.0, over - layer[g]) / 0.19)
            keep, pull = inertia * (1 - 0.9 * follow * near), follow * near
            d[0] = d[0] * keep + comb[0] * pull + outward * nx / r + wobble[g, k - 1, 0]
            d[1] = d[1] * keep + comb[1] * pull + outward * ny / r + wobble[g, k - 1, 1] - gravity
            d[2] = d[2] * keep + comb[2] * pull + outward * nz / r + wobble[g, k - 1, 2]
            _normalize(d)
            for c in range(3):
                before[c] = p[c]
                p[c] += d[c] * step
            # a strand rises to its layer over the first quarter of its steps
            _push_out(p, centre, radius_map, layer[g] * min(1.0, 4.0 * k / steps))
            tx, ty, tz = p[0] - before[0], p[1] - before[1], p[2] - before[2]
            moved = np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-8
            d[0] = 0.7 * tx / moved + 0.3 * d[0]
            d[1] = 0.7 * ty / moved + 0.3 * d[1]
            d[2] = 0.7 * tz / moved + 0.3 * d[2]
            if k % 2 == 0:
                for c in range(3):
                    out[g, k // 2, c] = p[c]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _normalize(d):  # type: ignore[no-untyped-def]
    length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) + 1e-8
    d[0] /= length
    d[1] /= length
    d[2] /= length


@njit(cache=True, nogil=True, fastmath=True)
def _push_out(p, centre, radius_map, clearance):  # type: ignore[no-untyped-def]
    """Move a point that is inside the skull plus clearance out along its radius."""
    if p[1] < centre[1] - _COLLIDES_ABOVE:
        return
    dx, dy, dz = p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]
    r = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-8
    wanted = skull_radius(radius_map, dx, dy, dz) + clearance
    if r < wanted:
        p[0] = centre[0] + dx / r * wanted
        p[1] = centre[1] + dy / r * wanted
        p[2] = centre[2] + dz / r * wanted


@njit(cache=True, nogil=True, fastmath=True)
def _smooth(x, low, high):  # type: ignore[no-untyped-def]
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True, fastmath=True)
def _grow_children(roots, guides, nearest, share, own, clump, wander, phase, numbers, centre, radius_map):  # type: ignore[no-untyped-def]
    count, points = len(roots), guides.shape[1]
    wave, turns, layered = numbers[0], numbers[1], numbers[2]
    out = np.empty((count, points, 3), np.float32)
    p = np.empty(3, np.float32)
    t = np.empty(3, np.float32)
    for i in range(count):
        scale = min(max(own[i, 0], 0.25), 1.4)
        rise = min(max(own[i, 1], -0.13), 0.13) * 0.6 * layered
        a, b, c = nearest[i, 0], nearest[i, 1], nearest[i, 2]
        rx, ry, rz = roots[i, 0] - centre[0], roots[i, 1] - centre[1], roots[i, 2] - centre[2]
        r = np.sqrt(rx * rx + ry * ry + rz * rz) + 1e-8
        for s in range(points):
            along = s / (points - 1)
            pull = clump[i] * _smooth(along, 0.05, 0.9)
            lift = rise * _smooth(along, 0.0, 0.3)
            for k in range(3):
                offset = share[i, 0] * (guides[a, s, k] - guides[a, 0, k])
                offset += share[i, 1] * (guides[b, s, k] - guides[b, 0, k])
                offset += share[i, 2] * (guides[c, s, k] - guides[c, 0, k])
                free = roots[i, k] + offset * scale
                tip = guides[a, 0, k] + (guides[a, s, k] - guides[a, 0, k]) * scale
                out[i, s, k] = free + (tip - free) * pull + wander[i, s, k] * along
            out[i, s, 0] += lift * rx / r
            out[i, s, 1] += lift * ry / r
            out[i, s, 2] += lift * rz / r
        if wave > 0.0:
            _curl(out[i], wave, turns, phase[i], centre, t)
        for s in range(points):
            for k in range(3):
                p[k] = out[i, s, k]
            _push_out(p, centre, radius_map, _CLEARANCE * min(1.0, s / 2.0))
            for k in range(3):
                out[i, s, k] = p[k]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _curl(strand, wave, turns, phase, centre, t):  # type: ignore[no-untyped-def]
    """Wind a strand round its own path."""
    points = len(strand)
    straight = strand.copy()
    for s in range(points):
        ahead, behind = min(s + 1, points - 1), max(s - 1, 0)
        for k in range(3):
            t[k] = straight[ahead, k] - straight[behind, k]
        _normalize(t)
        nx, ny, nz = straight[s, 0] - centre[0], straight[s, 1] - centre[1], straight[s, 2] - centre[2] + 1e-3
        ex, ey, ez = t[1] * nz - t[2] * ny, t[2] * nx - t[0] * nz, t[0] * ny - t[1] * nx
        length = np.sqrt(ex * ex + ey * ey + ez * ez) + 1e-8
        ex, ey, ez = ex / length, ey / length, ez / length
        fx, fy, fz = t[1] * ez - t[2] * ey, t[2] * ex - t[0] * ez, t[0] * ey - t[1] * ex
        along = s / (points - 1)
        size = wave * _smooth(along, 0.05, 0.35)
        angle = 2 * np.pi * turns * along + phase
        u, v = size * np.cos(angle), size * np.sin(angle)
        strand[s, 0] += u * ex + v * fx
        strand[s, 1] += u * ey + v * fy
        strand[s, 2] += u * ez + v * fz
