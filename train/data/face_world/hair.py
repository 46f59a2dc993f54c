"""Hair on the scalp: a few hundred guides are combed over the skull, and every strand follows the three nearest.

Everything about it comes from identity.hair and the geometry, so that a swap can keep the target's hair on the source's
head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from train.data.face_world import palette
from train.data.face_world.canon import canonical_positions
from train.data.face_world.ears import ear_vertices
from train.data.face_world.hair_edge import soften_edge
from train.data.face_world.hair_growth import CombField, grow_children, grow_guides
from train.data.face_world.hair_styles import TEST_ONLY_STYLES, TRAIN_STYLES, Comb, HairStyle, hair_style
from train.data.face_world.regions import smoothstep
from train.data.face_world.scalp import SkullMap, above_hairline, skull_map
from train.data.face_world.types import F32, I32, Hair, HeadModel, Identity, Material, Part, Strands

__all__ = ["TEST_ONLY_STYLES", "TRAIN_STYLES", "grow_hair"]

_GUIDES = 420
_BUN_SHARE = 0.3  # of the strands of a bun that make the knot
_BUN_RADIUS = 0.36


@dataclass(frozen=True)
class _ScalpMesh:
    """The part of a head model where hair can grow at all."""

    triangles: I32
    canonical: F32  # (T, 3, 3)
    centroid: F32
    skull_vertices: I32


@dataclass(frozen=True)
class _Roots:
    position: F32
    normal: F32
    canonical: F32
    above: F32


def grow_hair(identity: Identity, head: HeadModel, vertices: F32, normals: F32, count: int = 5000) -> Strands | None:
    """Grow a person's hair.

    Args:
        identity: only identity.hair is read.
        head: gives topology and mean.
        vertices: (V, 3) float32 neutral head of whoever wears the hair.
        normals: (V, 3) float32 its vertex normals.
        count: strands; their width grows as they become fewer, so that they cover the same.

    Returns:
        Strands with points in head space, part HAIR; None when bald.

    Raises:
        InputError: a style or colour that does not exist.
    """
    hair = identity.hair
    style = hair_style(hair.style)
    if style is None:
        return None
    draw = np.random.default_rng((hair.seed, 4))
    scalp = _scalp_mesh(head)
    skull = skull_map(vertices, head.mesh.vertices, scalp.skull_vertices)
    strands = max(int(count * style.density), 1)
    loops = int(strands * _BUN_SHARE) if style.comb == Comb.KNOT else 0
    roots = _draw_roots(hair, scalp, vertices, normals, _GUIDES + strands - loops, draw)
    length, layer = _cut(hair, style, roots, draw)
    field = _comb_field(hair, style, skull)

    first = slice(0, _GUIDES)
    guides = grow_guides(
        roots.position[first], roots.normal[first], length[first], layer[first], style, field, skull, draw
    )
    nearest, share = _follow(roots.position, field, style)
    points = grow_children(
        roots.position[_GUIDES:], guides, nearest, share, length, layer, _GUIDES, hair, style, skull, draw
    )
    alive = _trim(points, hair, style, vertices[head.mesh.landmarks], draw)
    clump = nearest[:, 0]
    if loops:
        knot = _knot(field.target, loops, points.shape[1], draw)
        points = np.concatenate([points, knot])
        alive = np.concatenate([alive, np.ones(knot.shape[:2], np.float32)])
        clump = np.concatenate([clump, draw.integers(0, _GUIDES, loops)])
    along = np.linspace(0, 1, points.shape[1], dtype=np.float32)
    taper = style.width * np.sqrt(14000.0 / count) * (1 - 0.45 * along)
    grown = Strands(
        points=points,
        triangle=None,
        barycentric=None,
        lift=None,
        color=_color(hair, clump, along, draw),
        width=np.broadcast_to(taper, points.shape[:2]).astype(np.float32),
        alive=alive,
        occlusion=np.broadcast_to(0.45 + 0.55 * np.clip(3 * along, 0, 1), points.shape[:2]).astype(np.float32),
        part=Part.HAIR,
    )
    if hair.edge is None:
        return grown
    return soften_edge(grown, hair, roots.above[_GUIDES:], strands - loops, _fringe(hair, scalp, vertices, normals))


def _fringe(hair: Hair, scalp: _ScalpMesh, vertices: F32, normals: F32) -> tuple[F32, F32]:
    """Middles and normals of the triangles about the hairline in front and at the temples."""
    above = above_hairline(hair, scalp.centroid)
    near = scalp.triangles[(above > -0.10) & (above < 0.06) & (scalp.centroid[:, 2] > -1.1)]
    normal = normals[near].mean(1)
    return vertices[near].mean(1), normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-8)


@cache
def _scalp_mesh(head: HeadModel) -> _ScalpMesh:
    mesh = head.mesh
    canonical = canonical_positions(head, mesh.vertices)
    skin = mesh.triangles[mesh.material == Material.SKIN]
    centroid = canonical[skin].mean(1)
    ear = ear_vertices(head)[skin].max(1) > 0
    y, z = centroid[:, 1], centroid[:, 2]
    # the face itself lies in front of the hairline; leaving it out here keeps the tables small
    grows = ~ear & (y > -1.35) & ((y > 0.75) | (z < -0.35))
    used = np.unique(skin)
    skull_vertices = used[(ear_vertices(head)[used] == 0) & (canonical[used, 1] > -2.0)].astype(np.int32)
    return _ScalpMesh(skin[grows], canonical[skin[grows]], centroid[grows], skull_vertices)


def _draw_roots(
    hair: Hair, scalp: _ScalpMesh, vertices: F32, normals: F32, count: int, draw: np.random.Generator
) -> _Roots:
    above = above_hairline(hair, scalp.centroid)
    possible = np.nonzero(above > -0.03)[0]
    triangles, above, centroid = scalp.triangles[possible], above[possible], scalp.centroid[possible]
    corner = vertices[triangles]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    # a hairline is a thinning, not an edge
    density = area * (0.06 + 0.94 * smoothstep(above + draw.normal(0, 0.02, len(above)).astype(np.float32), -0.03, 0.2))
    if hair.style in ("buzz", "crew", "receding"):
        density *= 1 - 0.9 * (centroid[:, 1] < -0.71)
    if hair.style == "receding":
        top = np.clip((centroid[:, 1] - 0.887) / 0.48, 0, 1) * np.clip((centroid[:, 2] + 2.4) / 0.64, 0, 1)
        density *= 1 - 0.85 * top
    cumulative = np.cumsum(density)
    pick = np.searchsorted(cumulative, draw.uniform(0, cumulative[-1], count), side="right")
    pick = np.minimum(pick, len(possible) - 1)
    root, split = np.sqrt(draw.uniform(0, 1, (count, 1))), draw.uniform(0, 1, (count, 1))
    weight = np.concatenate([1 - root, root * (1 - split), root * split], 1)[..., None].astype(np.float32)
    chosen = triangles[pick]
    normal = (normals[chosen] * weight).sum(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-8
    canonical = (scalp.canonical[possible[pick]] * weight).sum(1)
    position = (vertices[chosen] * weight).sum(1)
    return _Roots(position, normal, canonical, above_hairline(hair, canonical))


def _cut(hair: Hair, style: HairStyle, roots: _Roots, draw: np.random.Generator) -> tuple[F32, F32]:
    """Length of each strand, and how far over the skull it lies."""
    count = len(roots.above)
    height = roots.canonical[:, 1]
    length = (style.length + style.length_gain * hair.length) * draw.uniform(0.8, 1.08, count)
    shorter = style.side_cut * hair.fade
    length *= 1 - shorter * (1 - smoothstep(height, -0.07, 0.9))
    layer = draw.uniform(0.12, 1.0, count) * (style.layer + style.layer_gain * hair.length) * hair.volume
    layer *= np.clip(0.3 + 0.7 * smoothstep(roots.above, 0.0, 0.4), 0.2, 1)
    layer *= 1 - 0.8 * shorter * (1 - smoothstep(height, -0.23, 0.89))
    # the finest hairs stand at the hairline
    length *= 0.45 + 0.55 * smoothstep(roots.above + draw.normal(0, 0.03, count), -0.04, 0.10)
    if style.comb == Comb.CREST:
        off_crest = smoothstep(np.abs(roots.canonical[:, 0]), 0.18, 0.26)
        length *= 1 - off_crest * (1 - 0.07 / style.length)
        length *= 1 - 0.5 * smoothstep(-roots.canonical[:, 1], -0.6, 0.6) * (1 - off_crest)
    return length.astype(np.float32), layer.astype(np.float32)


def _comb_field(hair: Hair, style: HairStyle, skull: SkullMap) -> CombField:
    comb = style.comb
    if hair.style == "bob" and hair.length > 0.5:
        comb = Comb.LONG_BANGS
    part = 0.0 if hair.style == "curtain" else 0.415 * hair.part
    crown = skull.centre + np.array([0.0, 1.44, -0.4], np.float32)
    drift = 0.25 * np.sign(hair.part) if hair.style == "fringe" else 0.0
    down = 0.5 if hair.style == "fringe" else 0.0
    target = skull.centre + np.array([0.0, 1.62, -0.75], np.float32)
    return CombField(comb, part, float(drift), down, skull.centre, crown, target.astype(np.float32))


def _follow(position: F32, field: CombField, style: HairStyle) -> tuple[I32, F32]:
    """The three nearest guides of each strand and their shares; hair does not mix across a parting."""
    guides, children = position[:_GUIDES], position[_GUIDES:]
    distance, nearest = cKDTree(guides).query(children, k=3)
    share = 1 / (distance + 0.024) ** 2
    if style.comb in (Comb.PART, Comb.LONG):
        across = np.sign(guides[nearest, 0] - field.part) != np.sign(children[:, None, 0] - field.part)
        share = share * np.where(across, 1e-3, 1.0)
        order = np.argsort(-share, axis=1)  # the first is the one that a strand clumps to
        nearest, share = np.take_along_axis(nearest, order, 1), np.take_along_axis(share, order, 1)
    share /= share.sum(1, keepdims=True)
    return nearest.astype(np.int32), share.astype(np.float32)


def _trim(points: F32, hair: Hair, style: HairStyle, landmarks: F32, draw: np.random.Generator) -> F32:
    """1 until a strand would hang in front of the face or below its length line, then 0."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    brow = landmarks[[19, 24], 1].mean()
    jitter = draw.normal(0, 1, (len(points), 1)).astype(np.float32)
    rim = brow + style.brow_clearance + 0.05 * jitter - 0.6 * np.clip(x - 0.64, 0, 0.48)
    cut = (z > -0.56) & (x < 0.94) & (y < rim)
    if style.end_y < -5:
        cut |= (z > -0.8) & (x < 1.05) & (y < brow - 0.16)
    else:
        chin = landmarks[8, 1] + 1.76  # how far this chin lies over the mean's
        cut |= y < style.end_y + style.end_gain * hair.length + chin + 0.3 * (1 - hair.volume) + 0.05 * jitter
    return np.cumprod(~cut, axis=1).astype(np.float32)


def _knot(centre: F32, count: int, points: int, draw: np.random.Generator) -> F32:
    """Strands wound round a ball."""
    axis = draw.normal(0, 0.35, (count, 3)) + np.array([0.0, 0.8, -0.5])
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.cross(axis, draw.normal(0, 1, (count, 3)))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    height = draw.uniform(-0.85, 0.85, (count, 1, 1))
    angle = (np.linspace(0, 2.2, points)[None] + draw.uniform(0, 6.28, (count, 1)))[..., None]
    radius = _BUN_RADIUS * draw.uniform(0.9, 1.0, (count, 1, 1))
    ring = np.sqrt(1 - height**2) * (np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None])
    return (centre + radius * (ring + height * axis[:, None] * 0.75)).astype(np.float32)


def _color(hair: Hair, clump: I32, along: F32, draw: np.random.Generator) -> F32:
    """Linear RGB along each strand: strands and clumps differ, tips are bleached, some are grey."""
    count = len(clump)
    tip = palette.TIP_BLEACH.get(hair.color, 0.12)
    shade = 1 + 0.16 * draw.standard_normal(count) + 0.14 * draw.standard_normal(_GUIDES)[clump]
    base = palette.hair_color(hair.color) * shade[:, None]
    grey = (draw.uniform(0, 1, count) < hair.grey)[:, None]
    greyed = palette.GREY_STRAND * (1 + 0.1 * draw.standard_normal((count, 1)))
    base = np.where(grey, 0.45 * base + 0.55 * greyed, base)
    color = base[:, None] * (1 - 0.6 * tip + 1.2 * tip * along[:, None])
    return np.clip(color, 0.004, 1.0).astype(np.float32)
