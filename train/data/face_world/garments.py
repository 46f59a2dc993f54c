"""Clothes beyond one collar: necklines, rolls, hoods and lapels, fitted over a person's own neck and shoulders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from facesdk.errors import InputError
from train.data.face_world.atlas import Atlas
from train.data.face_world.canon import canonical_positions
from train.data.face_world.clothes import (
    AROUND,
    EASE,
    LOWEST_Y,
    body_radius,
    build_shirt,
    measure_neck,
    neck_vertices,
    ring,
    skin_radius,
)
from train.data.face_world.props import Prop, grid_triangles, skin_vertices
from train.data.face_world.regions import NECK_Z, collar_height, smoothstep
from train.data.face_world.rich_types import GARMENTS
from train.data.face_world.types import F32, I32, U8, HeadModel, Material, Part

_ROWS = 30
_HEM_ROWS = 5  # of the plain shirt: they lie in the neck's own shade
_HIDDEN = 0.13  # the painted skin under the cloth begins this far under its edge
_Piece = tuple[F32, I32, Material]


@dataclass(frozen=True)
class _Body:
    """One person's neck and shoulders."""

    measured: F32

    def radius(self, angle: F32, y: F32, gap: F32 | float) -> F32:
        """Of cloth that lies on the body."""
        return np.maximum(skin_radius(self.measured, angle, y) + gap, body_radius(angle, y))


def build_garment(kind: str, head: HeadModel, vertices: F32) -> Prop:
    """A garment on a person.

    Args:
        kind: one of GARMENTS.
        head: topology and mean.
        vertices: (V, 3) float32 neutral head.

    Raises:
        InputError: no such garment.
    """
    if kind not in _PIECES:
        raise InputError(f"no garment {kind!r}", f"Choose one of {', '.join(GARMENTS)}.")
    used, canonical_y = neck_vertices(head)
    neck = vertices[used]
    shift = float(np.median(neck[:, 1] - canonical_y))
    pieces = _PIECES[kind](_Body(measure_neck(neck, canonical_y)))
    start = np.cumsum([0, *(len(points) for points, _, _ in pieces)])
    points = np.concatenate([piece[0] for piece in pieces]).astype(np.float32)
    points[:, 1] += np.float32(shift)
    triangles = [faces + offset for (_, faces, _), offset in zip(pieces, start, strict=False)]
    material = [np.full(len(faces), kind, np.uint8) for _, faces, kind in pieces]
    return Prop(points, np.ascontiguousarray(np.concatenate(triangles), np.int32), np.concatenate(material))


@cache
def shirt_vertices(kind: str, head: HeadModel) -> I32:
    """For each vertex of a garment the nearest one of the plain shirt, whose light it takes; (N,) int32."""
    mean = head.mesh.vertices
    tree = cKDTree(build_shirt(head, mean).vertices)
    return tree.query(build_garment(kind, head, mean).vertices)[1].astype(np.int32)


@cache
def bared_vertices(head: HeadModel) -> tuple[I32, I32]:
    """Skin that the plain shirt hides from the sky and a lower neckline bares.

    Returns:
        Vertices of the head, and for each the vertex outside on the plain shirt that sees what it would see.
    """
    mean = head.mesh.vertices
    skin = skin_vertices(head)
    x, y, z = canonical_positions(head, mean[skin]).T
    hidden = skin[(y < collar_height(x, z) + 0.05) & (y > -3.5)]
    outside = build_shirt(head, mean).vertices[_HEM_ROWS * AROUND :]
    return hidden, (cKDTree(outside).query(mean[hidden])[1] + _HEM_ROWS * AROUND).astype(np.int32)


@cache
def covered_parts(kind: str, atlas: Atlas) -> U8:
    """Parts of the skin under a garment: the atlas paints a collar's cloth, a lower neckline shows more neck.

    Args:
        kind: one of GARMENTS.
        atlas: of the person's head model.

    Returns:
        (H, W) uint8 of Part.
    """
    x, y, z = (atlas.canonical[..., k] for k in range(3))
    under = y < _neckline(kind, np.arctan2(x, z - NECK_Z)) - _HIDDEN
    parts = np.where(atlas.part_map == Part.CLOTH, np.uint8(Part.NECK), atlas.part_map)
    parts[under & (atlas.masks["inside"] < 0.5) & (y < -1.9)] = Part.CLOTH
    return np.ascontiguousarray(parts)


def _neckline(kind: str, angle: F32) -> F32:
    """Height of the edge by the angle round the neck, 0 = front; canonical units."""
    collar = collar_height(np.sin(angle), NECK_Z + np.cos(angle))
    front = np.maximum(np.cos(angle), 0.0) ** 2
    if kind in ("tee", "jacket"):
        return collar - 0.08 - 0.20 * front
    if kind == "v-neck":
        return collar - 0.10 - 0.75 * np.maximum(1.0 - np.abs(angle) / 0.75, 0.0)
    if kind == "collared":
        return collar - 0.02 - 0.42 * np.maximum(1.0 - np.abs(angle) / 0.42, 0.0)
    if kind == "turtleneck":
        return collar + 0.20 + 0.06 * front
    return collar - (0.05 if kind == "hoodie" else 0.0)


def _top(kind: str, body: _Body, hem: float = 0.6) -> _Piece:
    """What lies on the skin, from the neckline down."""
    angle = np.linspace(-np.pi, np.pi, AROUND, endpoint=False)
    top = _neckline(kind, angle)
    gap = EASE * (1 + 0.6 * np.abs(np.sin(angle)))
    rows = [
        ring(angle, top + height, skin_radius(body.measured, angle, top + height) + ease * gap)
        for height, ease in ((-0.03, 0.004), (0.0, hem), (-0.015, 1.0))
    ]
    share = np.linspace(0, 1, _ROWS)[1:, None] ** 1.6
    y = (top - 0.02) * (1 - share) + LOWEST_Y * share
    # the cloth leaves the skin for the body's own round only some way under the edge
    own = skin_radius(body.measured, angle, y) + gap
    radius = own + (body.radius(angle, y, gap) - own) * smoothstep(top - y, 0.0, 0.3)
    points = np.concatenate([*rows, ring(angle + 0 * y, y, radius).reshape(-1, 3)])
    return points, grid_triangles(len(rows) + _ROWS - 1, AROUND, True), Material.CLOTH


def _fold(
    body: _Body, open_angle: float, stand: float, fall: float, wing: float, reach: float, what: Material
) -> _Piece:
    """A collar that stands up and folds over, open in front; its wings hang lower than its back."""
    angle = np.linspace(open_angle, 2 * np.pi - open_angle, 61)
    collar = collar_height(np.sin(angle), NECK_Z + np.cos(angle))
    front = np.exp(-(((np.minimum(angle, 2 * np.pi - angle) - open_angle) / 0.30) ** 2))
    base = skin_radius(body.measured, angle, collar) + EASE
    drop = fall + wing * front
    rows = [ring(angle, collar - 0.10, base + 0.01), ring(angle, collar + stand, base + 0.02)]
    for share in (0.15, 0.5, 1.0):
        y = collar + stand - share * (drop + stand)
        lying = body.radius(angle, np.minimum(y, collar), EASE) + 0.05
        rows.append(
            ring(angle, y + 0.02 * (share < 0.2), np.maximum(base + 0.04 + reach * share, lying * (share > 0.4)))
        )
    return np.concatenate(rows), grid_triangles(len(rows), len(angle), False), what


def _shell(body: _Body) -> _Piece:
    """The outer cloth of a jacket, open in front."""
    share = np.linspace(0, 1, _ROWS)[:, None] ** 1.4
    half = 0.50 - 0.26 * np.minimum(2.5 * share, 1.0)
    angle = half + (2 * np.pi - 2 * half) * np.linspace(0, 1, AROUND)
    top = collar_height(np.sin(angle), NECK_Z + np.cos(angle)) - 0.02 - 0.10 * np.maximum(np.cos(angle), 0.0)
    y = top * (1 - share) + LOWEST_Y * share
    gap = EASE * (1 + 0.6 * np.abs(np.sin(angle)))  # as what is worn under it
    points = ring(angle, y, body.radius(angle, y, gap) + 0.05 + 0.06 * np.minimum(8 * share, 1.0))
    return points.reshape(-1, 3), grid_triangles(_ROWS, AROUND, False), Material.CLOTH_OUTER


def _hood(body: _Body) -> _Piece:
    """A hood that lies in the neck: a roll that is thick behind and thin in front."""
    angle = np.linspace(0.30, 2 * np.pi - 0.30, 49)
    back = 0.5 - 0.5 * np.cos(angle)
    thick = 0.07 + 0.20 * back**1.5
    y = collar_height(np.sin(angle), NECK_Z + np.cos(angle)) - 0.12 + 0.10 * back
    radius = skin_radius(body.measured, angle, y) + EASE + 0.9 * thick
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    around, rise = np.cos(turn)[None], np.sin(turn)[None]
    height = y[:, None] + 1.15 * thick[:, None] * rise
    rows = ring(angle[:, None] + 0 * turn, height, radius[:, None] + thick[:, None] * around)
    return rows.reshape(-1, 3), grid_triangles(len(angle), len(turn), True), Material.CLOTH


def _strings(body: _Body) -> list[_Piece]:
    """Two drawstrings that hang from a hood."""
    out = []
    for side in (-1.0, 1.0):
        y = np.linspace(-2.52, -3.5, 12)
        angle = side * np.linspace(0.26, 0.17, 12)
        radius = body.radius(angle, y, EASE) + 0.055
        turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)[None]
        middle = ring(angle, y, radius)[:, None]
        offset = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], -1) * 0.028
        out.append(((middle + offset).reshape(-1, 3), grid_triangles(12, 6, True), Material.CLOTH_OUTER))
    return out


def _buttons(body: _Body, first: float) -> list[_Piece]:
    """Buttons down the middle of a front."""
    out = []
    ring_turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    for y in np.arange(first, -4.2, -0.42):
        front = NECK_Z + float(body.radius(np.zeros(1), np.array([y]), EASE)[0])
        rows = [
            np.stack([r * np.cos(ring_turn), y + r * np.sin(ring_turn), np.full(10, front + height)], -1)
            for r, height in ((0.05, 0.0), (0.048, 0.03), (0.001, 0.035))
        ]
        out.append((np.concatenate(rows), grid_triangles(3, 10, True), Material.CLOTH_OUTER))
    return out


_PIECES: dict[str, Callable[[_Body], list[_Piece]]] = {
    "crew": lambda body: [_top("crew", body)],
    "tee": lambda body: [_top("tee", body, 0.3)],
    "v-neck": lambda body: [_top("v-neck", body, 0.4)],
    "turtleneck": lambda body: [_top("turtleneck", body, 1.2)],
    "hoodie": lambda body: [_top("hoodie", body), _hood(body), *_strings(body)],
    "collared": lambda body: [
        _top("collared", body),
        _fold(body, 0.20, 0.10, 0.16, 0.30, 0.10, Material.CLOTH),
        *_buttons(body, -3.05),
    ],
    "jacket": lambda body: [
        _top("jacket", body, 0.3),
        _shell(body),
        _fold(body, 0.42, 0.08, 0.22, 0.75, 0.16, Material.CLOTH_OUTER),
    ],
}
