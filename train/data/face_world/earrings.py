"""Earrings: studs, hoops and drops that hang from the lobes."""

from __future__ import annotations

from functools import cache

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.ears import ear_vertices
from train.data.face_world.props import Prop, grid_triangles, prop_of
from train.data.face_world.rich_types import EARRINGS
from train.data.face_world.types import F32, I32, HeadModel, Material

_LOBE_SHARE = 0.12  # of an ear's height that is its lobe


def build_earrings(kind: str, size: float, head: HeadModel, vertices: F32) -> Prop:
    """A pair of earrings.

    Args:
        kind: stud, hoop or drop.
        size: 0..1.
        head: topology.
        vertices: (V, 3) float32 neutral head.

    Raises:
        InputError: no such earrings.
    """
    if kind not in EARRINGS[1:]:
        raise InputError(f"no earrings {kind!r}", f"Choose one of {', '.join(EARRINGS[1:])}.")
    pieces: list[tuple[F32, I32]] = []
    for vertex, side in zip(lobes(head), (-1.0, 1.0), strict=True):
        lobe = vertices[vertex] + np.array([side * 0.015, 0.0, 0.01])
        if kind == "stud":
            pieces.append(_ball(lobe, (0.030 + 0.025 * size) * np.ones(3)))
        elif kind == "hoop":
            radius = 0.09 + 0.16 * size
            pieces.append(_torus(lobe - np.array([0.0, radius, 0.0]), radius, 0.014 + 0.010 * size))
        else:
            pieces.append(_ball(lobe, np.full(3, 0.026)))
            length = 0.12 + 0.22 * size
            pieces.append(_ball(lobe - np.array([0.0, 0.5 * length, 0.0]), np.array([0.008, 0.5 * length, 0.008])))
            drop = np.array([0.032, 0.055, 0.032]) * (0.8 + 0.6 * size)
            pieces.append(_ball(lobe - np.array([0.0, length, 0.0]), drop))
    start = np.cumsum([0, *(len(points) for points, _ in pieces)])
    triangles = np.concatenate([faces + offset for (_, faces), offset in zip(pieces, start, strict=False)])
    return prop_of(np.concatenate([points for points, _ in pieces]), triangles, Material.METAL)


@cache
def lobes(head: HeadModel) -> tuple[int, int]:
    """Vertices of the two ear lobes, at negative and positive x: the outermost of each ear's lowest part."""
    mean, ear = head.mesh.vertices, ear_vertices(head) > 0.5
    out = []
    for side in (-1.0, 1.0):
        own = np.nonzero(ear & (side * mean[:, 0] > 0))[0]
        y = mean[own, 1]
        low = own[y < y.min() + _LOBE_SHARE * np.ptp(y)]
        out.append(int(low[np.argmax(side * mean[low, 0])]))
    return out[0], out[1]


def _ball(centre: F32, radii: F32, rows: int = 7, around: int = 10) -> tuple[F32, I32]:
    polar, turn = (
        np.linspace(0.01, np.pi - 0.01, rows)[:, None],
        np.linspace(0, 2 * np.pi, around, endpoint=False)[None],
    )
    unit = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, np.sin(polar) * np.cos(turn)], -1)
    return (centre + unit * radii).reshape(-1, 3), grid_triangles(rows, around, True)


def _torus(centre: F32, radius: float, tube: float, along: int = 28, around: int = 8) -> tuple[F32, I32]:
    """A ring seen from the side of the head; its last row repeats the first."""
    turn = np.linspace(0, 2 * np.pi, along)[:, None]
    round_tube = np.linspace(0, 2 * np.pi, around, endpoint=False)[None]
    reach = radius + tube * np.cos(round_tube)
    points = np.stack([tube * np.sin(round_tube) + 0 * turn, reach * np.cos(turn), reach * np.sin(turn)], -1)
    # a hoop hangs a little turned, so that it is not a line from the front
    yaw = 0.6 * np.sign(centre[0])
    x, z = (
        points[..., 0] * np.cos(yaw) + points[..., 2] * np.sin(yaw),
        points[..., 2] * np.cos(yaw) - points[..., 0] * np.sin(yaw),
    )
    return (centre + np.stack([x, points[..., 1], z], -1)).reshape(-1, 3), grid_triangles(along, around, True)
