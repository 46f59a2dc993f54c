"""Hats that sit on a person's skull, and the hair under them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.canon import canonical_positions
from train.data.face_world.ears import ear_vertices
from train.data.face_world.props import Prop, grid_triangles, prop_of
from train.data.face_world.scalp import SKULL_MAP_HW, SkullMap, skull_map
from train.data.face_world.types import F32, I32, HeadModel, Material, Strands


@dataclass(frozen=True)
class _Hat:
    """Edge height in front, at the sides and behind (over the eyes); gap over the skull; crown's extra height; brim."""

    front: float
    side: float
    back: float
    gap: float
    crown: float
    brim_reach: float
    brim_half_angle: float  # radians to either side of the front that the brim reaches round
    brim_drop: float


_HATS = {
    "cap": _Hat(0.80, 0.52, 0.20, 0.10, 0.05, 0.80, 1.15, 0.22),
    "beanie": _Hat(0.66, 0.30, -0.25, 0.10, 0.14, 0.0, 0.0, 0.0),
    "brim": _Hat(0.78, 0.55, 0.30, 0.12, 0.35, 0.75, np.pi, 0.10),
    "bucket hat": _Hat(0.74, 0.51, 0.22, 0.12, 0.12, 0.42, np.pi, 0.34),
}
HATS = tuple(_HATS)
_ROWS, _AROUND = 18, 64
_HAIR_GAP = 0.03  # hair stays this far under the cloth
_PINCH, _PINCH_RISE = 0.40, 0.50  # radians under the edge over which hair comes free again, and by how much it has


def build_hat(kind: str, head: HeadModel, vertices: F32) -> Prop:
    """A hat: a dome over the skull, and a peak or brim round its edge.

    Args:
        kind: one of HATS.
        head: topology.
        vertices: (V, 3) float32 neutral head.

    Raises:
        InputError: no such kind.
    """
    shape, skull = _shape(kind), _skull(head, vertices)
    azimuth = np.linspace(-np.pi, np.pi, _AROUND, endpoint=False)
    edge = _edge_polar(shape, skull, azimuth)
    rise = np.linspace(0.0, 1.0, _ROWS)
    polar = np.maximum(rise[:, None] * edge[None], 1e-3)  # crown to edge
    dome = _surface(shape, skull, azimuth[None] + 0 * polar, polar)
    rows = [dome]
    # a turned-in hem gives the edge thickness
    spoke = dome[-1] - skull.centre
    hem = skull.centre + spoke * (1 - 0.6 * shape.gap / np.linalg.norm(spoke, axis=1, keepdims=True))
    rows.append(hem[None])
    points, triangles = np.concatenate(rows).reshape(-1, 3), grid_triangles(_ROWS + 1, _AROUND, True)
    if shape.brim_reach > 0:
        brim = _brim(shape, skull, dome[-1], azimuth)
        faces = grid_triangles(brim.shape[0], _AROUND, shape.brim_half_angle >= np.pi)
        triangles = np.concatenate([triangles, faces + len(points)])
        points = np.concatenate([points, brim.reshape(-1, 3)])
    return prop_of(points, triangles, Material.HAT)


def press_under_hat(kind: str, head: HeadModel, vertices: F32, strands: Strands) -> Strands:
    """Hair as it lies when a hat is put on: what the hat covers is pressed to the skull.

    Hair of the rich world is also pinched under the edge, so that no strand runs through the cloth.

    Args:
        kind: one of HATS.
        head: topology.
        vertices: (V, 3) float32 neutral head.
        strands: hair in head space.

    Returns:
        The same strands with points inside the hat moved in under it.
    """
    if strands.points is None:
        raise InputError("strands without points cannot be pressed under a hat", "Pass the hair of grow_hair.")
    shape, skull = _shape(kind), _skull(head, vertices)
    offset = strands.points - skull.centre
    radius = np.linalg.norm(offset, axis=-1)
    polar = np.arccos(np.clip(offset[..., 1] / np.maximum(radius, 1e-6), -1, 1))
    azimuth = np.arctan2(offset[..., 0], offset[..., 2])
    under = polar - _edge_polar(shape, skull, azimuth)
    covered = under < 0.03
    limit = _radius(skull, azimuth, polar) + shape.gap - _HAIR_GAP
    if strands.body is not None:
        covered = under < _PINCH
        limit = limit - 0.4 * shape.gap + _PINCH_RISE * np.clip(under / _PINCH, 0.0, 1.0) ** 2
    scale = np.where(covered & (radius > limit), limit / np.maximum(radius, 1e-6), 1.0)
    return replace(strands, points=(skull.centre + offset * scale[..., None]).astype(np.float32))


def _shape(kind: str) -> _Hat:
    if kind not in _HATS:
        raise InputError(f"no hat {kind!r}", f"Choose one of {', '.join(_HATS)}.")
    return _HATS[kind]


def _skull(head: HeadModel, vertices: F32) -> SkullMap:
    return skull_map(vertices, head.mesh.vertices, _cranium(head))


@cache
def _cranium(head: HeadModel) -> I32:
    """Skin vertices of the head without ears, nose and neck."""
    mesh = head.mesh
    skin = np.unique(mesh.triangles[mesh.material == Material.SKIN])
    p = canonical_positions(head, mesh.vertices[skin])
    return skin[(ear_vertices(head)[skin] == 0) & (p[:, 1] > -1.0) & ((p[:, 1] > 0.2) | (p[:, 2] < 0.0))].astype(
        np.int32
    )


def _radius(skull: SkullMap, azimuth: F32, polar: F32) -> F32:
    """Bilinear radius of the skull by direction."""
    rows, columns = SKULL_MAP_HW
    y = np.clip(polar / np.pi * rows - 0.5, 0, rows - 1.001)
    x = (azimuth + np.pi) / (2 * np.pi) * columns - 0.5
    row, column = y.astype(int), np.floor(x).astype(int)
    fy, fx = y - row, x - column
    left, right = column % columns, (column + 1) % columns
    upper = skull.radius[row, left] * (1 - fx) + skull.radius[row, right] * fx
    lower = skull.radius[row + 1, left] * (1 - fx) + skull.radius[row + 1, right] * fx
    return upper * (1 - fy) + lower * fy


def _edge_polar(shape: _Hat, skull: SkullMap, azimuth: F32) -> F32:
    """Polar angle of the hat's edge by azimuth (0 = front)."""
    turn = np.abs((azimuth + np.pi) % (2 * np.pi) - np.pi)
    height = np.interp(turn, [0, np.pi / 2, np.pi], [shape.front, shape.side, shape.back]) - skull.centre[1]
    reach = _radius(skull, azimuth, np.full_like(azimuth, np.pi / 2)) + shape.gap
    return np.arccos(np.clip(height / np.maximum(reach * 1.06, np.abs(height) + 1e-3), -1, 1))


def _surface(shape: _Hat, skull: SkullMap, azimuth: F32, polar: F32) -> F32:
    radius = _radius(skull, azimuth, polar) + shape.gap
    radius = radius + shape.crown * np.clip(np.cos(polar), 0, 1) ** 2
    direction = np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], -1)
    return skull.centre + radius[..., None] * direction


def _brim(shape: _Hat, skull: SkullMap, edge: F32, azimuth: F32) -> F32:
    """A sheet out from the edge, dropping a little; (rows, around, 3)."""
    outward = edge - skull.centre
    outward[:, 1] = 0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    if shape.brim_half_angle < np.pi:
        # a peak: its own strip of the edge, sampled densely, tapering to nothing at its ends
        own = np.linspace(-shape.brim_half_angle, shape.brim_half_angle, _AROUND)
        edge = np.stack([np.interp(own, azimuth, edge[:, c]) for c in range(3)], -1)
        outward = np.stack([0.35 * np.sin(own), np.zeros_like(own), np.ones_like(own)], -1)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        reach = shape.brim_reach * np.sqrt(np.clip(1 - (own / shape.brim_half_angle) ** 2, 0, 1))
    else:
        reach = np.full(len(edge), shape.brim_reach)
    out = np.linspace(0, 1, 6)[:, None, None]
    sheet = edge[None] + out * (reach[:, None] * outward)[None]
    sheet[..., 1] -= (out[..., 0] ** 1.5) * shape.brim_drop * reach / shape.brim_reach
    return sheet
