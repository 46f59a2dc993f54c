"""Finer hair, and where it ends: thin at hairline and tips, strands that stand off, fine short hair before it.

All of it comes from the hair and the geometry, as the hair itself does, so that a swap keeps it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from train.data.face_world.regions import smoothstep
from train.data.face_world.types import F32, Hair, Strands

_FLYAWAY_SHARE, _BABY_SHARE = 0.07, 0.06  # of the strands, at most
_SPLIT = 0.62  # width of a strand that has a twin beside it
_TWIN_GAP = 0.016  # of twins at the tip, interocular units
_SHORT_STYLES = ("buzz",)  # nothing there is long enough to stand off


def soften_edge(strands: Strands, hair: Hair, above: F32, loose: int, fringe: tuple[F32, F32]) -> Strands:
    """The same hair with the edges of real hair; hair of the plain world stays as it is.

    Args:
        strands: hair with points; the last ones, that are not loose, belong to a knot.
        hair: edge and seed are read.
        above: (loose,) float32 height of each loose strand's root over the hairline.
        loose: strands that are not wound into a knot.
        fringe: points of the skin about the hairline and their normals, each (M, 3) float32.
    """
    edge = hair.edge
    if edge is None or strands.points is None or loose == 0:
        return strands
    draw = np.random.default_rng((hair.seed, 21))
    count, steps = strands.points.shape[:2]
    along = np.linspace(0, 1, steps, dtype=np.float32)
    inner = smoothstep(above + draw.normal(0, 0.03, loose).astype(np.float32), -0.02, 0.30)
    width = strands.width.copy()
    width[:loose] *= (1 - 0.65 * edge.softness * (1 - inner))[:, None]
    width *= _SPLIT * (1 - 0.75 * edge.softness * smoothstep(along, 0.45, 1.0))
    alive = strands.alive.copy()
    alive[:loose][draw.uniform(0, 1, loose) < 0.6 * edge.softness * (1 - inner)] = 0.0
    body = replace(strands, width=width, alive=alive, body=count)
    extra = [_twins(body, draw)]
    flying = 0 if hair.style in _SHORT_STYLES else int(_FLYAWAY_SHARE * edge.flyaways * count)
    if flying:
        extra.append(_flyaways(strands, loose, flying, draw))
    fine = int(_BABY_SHARE * edge.baby_hair * count)
    if fine and len(fringe[0]):
        extra.append(_baby_hair(strands, loose, fine, fringe, draw))
    return _joined(body, extra)


def _twins(strands: Strands, draw: np.random.Generator) -> Strands:
    """A second strand beside each: the same hair in finer strands."""
    points = strands.points
    assert points is not None
    count, steps = points.shape[:2]
    aside = draw.normal(0, _TWIN_GAP, (count, 1, 3)).astype(np.float32)
    bend = draw.normal(0, 0.5 * _TWIN_GAP, (count, 1, 3)).astype(np.float32)
    along = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    shade = draw.normal(1, 0.12, (count, 1, 1)).astype(np.float32)
    moved = points + aside * (0.5 + 0.5 * along) + bend * np.sin(3.1 * along)
    return replace(
        strands, points=np.ascontiguousarray(moved, np.float32), color=np.clip(strands.color * shade, 0.003, 1)
    )


def _flyaways(strands: Strands, loose: int, count: int, draw: np.random.Generator) -> Strands:
    """Strands that leave their neighbours on the way to the tip."""
    chosen = draw.integers(0, loose, count)
    points = strands.points[chosen].copy()  # type: ignore[index]
    steps = points.shape[1]
    along = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    leave = draw.uniform(0.05, 0.7, (count, 1, 1)).astype(np.float32)
    off = np.maximum(along - leave, 0.0)
    outward = points - np.array([0.0, 0.15, -1.12], np.float32)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True) + 1e-6
    aside = draw.normal(0, 1, (count, 1, 3)).astype(np.float32)
    curl = np.cumsum(draw.normal(0, 0.5, (count, steps, 3)).astype(np.float32), 1) / np.sqrt(steps)
    reach = draw.gamma(2.0, 0.07, (count, 1, 1)).astype(np.float32)
    points += reach * off * (1.3 * outward + 0.8 * aside + 0.9 * curl)
    return replace(
        strands,
        points=np.ascontiguousarray(points, np.float32),
        color=strands.color[chosen] * 1.08,
        width=strands.width[chosen] * draw.uniform(0.22, 0.5, (count, 1)).astype(np.float32),
        alive=strands.alive[chosen],
        occlusion=strands.occlusion[chosen],
    )


def _baby_hair(strands: Strands, loose: int, count: int, fringe: tuple[F32, F32], draw: np.random.Generator) -> Strands:
    """Short fine hair along the hairline, combed as the hair behind it and less tidy."""
    place = draw.integers(0, len(fringe[0]), count)
    root, normal = fringe[0][place], fringe[1][place]
    points = strands.points
    assert points is not None
    nearest = cKDTree(points[:loose, 0]).query(root)[1]
    combed = points[nearest, min(2, points.shape[1] - 1)] - points[nearest, 0]
    combed = combed - (combed * normal).sum(1, keepdims=True) * normal
    combed /= np.linalg.norm(combed, axis=1, keepdims=True) + 1e-6
    way = combed + draw.normal(0, 0.55, (count, 3))
    way -= (way * normal).sum(1, keepdims=True) * normal
    way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
    steps = points.shape[1]
    along = np.linspace(0, 1, steps)[None, :, None]
    length = draw.uniform(0.05, 0.24, (count, 1, 1))
    bent = np.cross(normal, way)[:, None] * draw.normal(0, 0.5, (count, 1, 1))
    path = root[:, None] + length * (along * way[:, None] + along**2 * bent)
    path += (0.004 + 0.22 * length * along * (1 - 0.6 * along)) * normal[:, None]
    taper = (1 - 0.7 * along[..., 0]) * draw.uniform(0.18, 0.45, (count, 1)) * float(strands.width[:, 0].max())
    return replace(
        strands,
        points=np.ascontiguousarray(path, np.float32),
        color=strands.color[nearest] * 1.05,
        width=taper.astype(np.float32),
        alive=np.ones((count, steps), np.float32),
        occlusion=np.full((count, steps), 0.85, np.float32),
    )


def _joined(body: Strands, extra: list[Strands]) -> Strands:
    if not extra:
        return body
    names = ("points", "color", "width", "alive", "occlusion")
    parts = {name: np.concatenate([getattr(s, name) for s in (body, *extra)]) for name in names}
    return replace(body, **parts)
