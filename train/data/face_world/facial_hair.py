"""Brows, lashes and beards: strands anchored to the skin, so that they follow every expression."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from facesdk.errors import InputError
from train.data.face_world import palette
from train.data.face_world.atlas import Atlas
from train.data.face_world.types import F32, I32, HeadModel, Identity, Material, Part, Strands

# the brow of a mean face from inner to outer end, canonical: |x|, y, half thickness
_BROW_X = np.array([0.165, 0.386, 0.606, 0.788, 0.945], np.float32)
_BROW_Y = np.array([0.335, 0.385, 0.405, 0.36, 0.25], np.float32)
_BROW_ARCH = np.array([-0.012, 0.008, 0.022, 0.018, -0.01], np.float32)
_BROW_HALF = np.array([0.046, 0.056, 0.050, 0.036, 0.017], np.float32)
_BROW_LIFT = 0.035  # of brow_height = 1

_BEARD_COUNT = {"mustache": 900, "goatee": 1800, "full beard": 5000}
_BEARD_LENGTH = {"mustache": 0.075, "goatee": 0.10, "full beard": 0.08}
_BEARD_STEPS = 5


def brow_line(identity: Identity) -> tuple[F32, F32, F32]:
    """The middle line of a person's brow.

    Args:
        identity: arch, height and thickness are read.

    Returns:
        |x| rising, y, half thickness, each (5,) float32, canonical units.
    """
    y = _BROW_Y + _BROW_ARCH * np.float32(identity.brow_arch) + np.float32(_BROW_LIFT * identity.brow_height)
    return _BROW_X, y, _BROW_HALF * np.float32(identity.brow_thickness)


def grow_brows(identity: Identity, head: HeadModel, atlas: Atlas) -> Strands:
    """Both brows.

    Args:
        identity: brow fields, seed.
        head: unused but for the topology that the anchors refer to.
        atlas: of that head.

    Returns:
        Strands with anchors, part BROW.
    """
    draw = np.random.default_rng((identity.seed, 1))
    count = 2 * int(480 * identity.brow_density * (0.7 + 0.3 * identity.brow_thickness))
    line_x, line_y, line_half = brow_line(identity)
    along = draw.beta(1.05, 1.2, count)
    x = line_x[0] + along * (line_x[-1] - line_x[0])
    across = np.clip(draw.normal(0, 0.55, count), -1.1, 1.1)
    y = np.interp(x, line_x, line_y) + across * np.interp(x, line_x, line_half)
    # inner hairs stand up, outer hairs lie along the brow; both edges lean towards its middle
    angle = np.interp(along, [0, 0.15, 0.5, 1], [1.35, 0.95, 0.35, -0.25])
    angle += draw.normal(0, 0.12, count) - across * np.interp(along, [0, 0.4, 1], [0.15, 0.4, 0.25])
    length = np.interp(along, [0, 0.3, 0.8, 1], [0.055, 0.080, 0.074, 0.050]) * draw.uniform(0.7, 1.2, count)
    step = np.linspace(0, 1, 4)
    bent = angle[:, None] - 0.45 * step
    path = np.stack(
        [x[:, None] + length[:, None] * step * np.cos(bent), y[:, None] + 0.8 * length[:, None] * step * np.sin(bent)],
        -1,
    )
    path[..., 0] *= np.where(np.arange(count) % 2, 1, -1)[:, None]
    lift = np.broadcast_to(np.array([0.0015, 0.009, 0.012, 0.010]), (count, 4))
    width = np.array([0.0067, 0.0064, 0.0048, 0.0022]) * draw.uniform(0.6, 1.1, (count, 1))
    color = palette.brow_color(identity) * (1 + 0.2 * draw.standard_normal((count, 1, 1)))
    return _anchored(atlas, atlas.front(path.astype(np.float32)), lift, width, color, Part.BROW)


def grow_lashes(identity: Identity, head: HeadModel) -> Strands:
    """Lashes of all four lids, rooted along mesh.lid_rows.

    Args:
        identity: seed, brow colour and masculinity are read.
        head: whose lid rows are used.

    Returns:
        Strands with anchors, part LASH.
    """
    draw = np.random.default_rng((identity.seed, 2))
    reach = 1.0 if identity.masculinity < 0 else 0.75
    paths, widths, lifts = [], [], []
    for index, row in enumerate(head.mesh.lid_rows):
        upper, side = index % 2 == 0, -1.0 if index < 2 else 1.0
        count = 60 if upper else 26
        along = np.sort(draw.uniform(0.06, 0.97, count))
        knots, lid = np.linspace(0, 1, len(row)), head.mesh.vertices[row]
        root = np.stack([np.interp(along, knots, lid[:, axis]) for axis in range(3)], -1)
        length = reach * draw.uniform(0.75, 1.1, count) * np.interp(along, [0, 0.35, 0.8, 1], [0.5, 0.9, 1.0, 0.8])
        length *= 0.10 if upper else 0.045
        outward = side * np.interp(along, [0, 0.3, 1], [-0.3, 0.0, 0.7]) + draw.normal(0, 0.08, count)
        direction = np.stack([outward, np.full(count, 1.0 if upper else -1.0), np.zeros(count)], -1)
        step = np.array([0.0, 0.25, 0.6, 1.0])
        bend = 0.5 * step**1.4  # a lash leaves the lid forwards and only then turns away from the eye
        paths.append(root[:, None] + direction[:, None] * (length[:, None] * bend)[..., None])
        lifts.append(length[:, None] * np.array([0.0, 0.4, 0.7, 0.8]))
        widths.append(np.broadcast_to(np.array([0.0085, 0.0065, 0.004, 0.0016]) * (1 if upper else 0.55), (count, 4)))
    triangle, barycentric = _on_lids(head, np.concatenate(paths))
    color = palette.brow_color(identity) * 0.3 * np.ones((len(triangle), 1, 1))
    return _strands(triangle, barycentric, np.concatenate(lifts), np.concatenate(widths), color, Part.LASH)


@cache
def _lid_triangles(head: HeadModel) -> tuple[I32, cKDTree]:
    """Skin triangles around the eyes, and a tree of their centroids."""
    mesh = head.mesh
    skin = np.nonzero(mesh.material == Material.SKIN)[0]
    centroid = mesh.vertices[mesh.triangles[skin]].mean(1)
    lids = cKDTree(mesh.vertices[np.concatenate(mesh.lid_rows)])
    near = lids.query(centroid)[0] < 0.15
    return skin[near].astype(np.int32), cKDTree(centroid[near])


def _on_lids(head: HeadModel, points: F32) -> tuple[I32, F32]:
    """Anchors of points near the lids of the mean head: their feet on the plane of the nearest triangle."""
    triangles, tree = _lid_triangles(head)
    triangle = triangles[tree.query(points)[1]]
    corner = head.mesh.vertices[head.mesh.triangles[triangle]].astype(np.float64)
    first, second = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    offset = points - corner[..., 0, :]
    aa, ab, bb = (first * first).sum(-1), (first * second).sum(-1), (second * second).sum(-1)
    pa, pb = (offset * first).sum(-1), (offset * second).sum(-1)
    determinant = np.maximum(aa * bb - ab * ab, 1e-12)
    u, v = (pa * bb - pb * ab) / determinant, (pb * aa - pa * ab) / determinant
    return triangle, np.stack([1 - u - v, u, v], -1).astype(np.float32)


def grow_beard(identity: Identity, head: HeadModel, atlas: Atlas) -> Strands | None:
    """The hairs of a beard; stubble is painted on the skin, so it has none.

    Args:
        identity: beard fields, age, brow colour, seed.
        head: unused but for the topology that the anchors refer to.
        atlas: of that head.

    Returns:
        Strands with anchors, part BEARD, or None for "none" and "stubble".

    Raises:
        InputError: no such beard.
    """
    if identity.beard in ("none", "stubble"):
        return None
    if identity.beard not in _BEARD_COUNT:
        raise InputError(f"no beard {identity.beard!r}", f"Choose one of none, stubble, {', '.join(_BEARD_COUNT)}.")
    draw = np.random.default_rng((identity.seed, 3))
    density = _beard_density(identity.beard, atlas)
    weight = np.cumsum(density.astype(np.float64))
    count = _BEARD_COUNT[identity.beard]
    texel = np.searchsorted(weight, draw.uniform(0, weight[-1], count), side="right")
    height, width = atlas.size_hw
    row, column = np.divmod(texel, width)
    uv = np.stack([(column + draw.uniform(0, 1, count)) / width, 1 - (row + draw.uniform(0, 1, count)) / height], -1)
    x = atlas.canonical[row, column, 0]
    moustache = atlas.masks["moustache"][row, column] > 0.3

    direction = np.stack([0.35 * x, -np.ones(count), np.zeros(count)], -1) + draw.normal(0, 0.14, (count, 3))
    sideways = np.sign(x + draw.normal(0, 0.02, count)) * 1.1
    direction[moustache, 0] = sideways[moustache] + draw.normal(0, 0.2, moustache.sum())
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    full = _BEARD_LENGTH[identity.beard] * (
        1 + (1.6 if identity.beard == "full beard" else 0.8) * identity.beard_length
    )
    length = full * draw.uniform(0.5, 1.15, count) * np.where(moustache, 0.7, 1.0)
    length *= (
        0.35
        + 0.65 * np.clip(atlas.masks["beard"] + atlas.masks["moustache"] + atlas.masks["goatee"], 0, 1)[row, column]
    )

    step = np.linspace(0, 1, _BEARD_STEPS)
    slope = np.einsum("nij,nj->ni", atlas.uv_per_length[atlas.triangle[row, column]], direction)
    path = uv[:, None] + slope[:, None] * (0.65 * length[:, None] * step)[..., None]
    wander = np.cumsum(draw.normal(0, 0.06, (count, _BEARD_STEPS, 2)), 1) * step[:, None]
    path += wander * length[:, None, None] * np.linalg.norm(slope, axis=1)[:, None, None]
    lift = 0.002 + length[:, None] * step * draw.uniform(0.2, 0.6, (count, 1)) * np.where(moustache, 0.55, 0.9)[:, None]
    widths = np.array([0.011, 0.0105, 0.009, 0.007, 0.003]) * draw.uniform(0.75, 1.1, (count, 1))
    color = palette.brow_color(identity) * (1 + 0.22 * draw.standard_normal((count, 1, 1)))
    grey = draw.uniform(0, 1, (count, 1, 1)) < max(0.0, identity.age - 0.45) * 0.9
    color = np.where(grey, 0.6 * color + 0.4 * palette.GREY_STRAND, color)
    return _anchored(atlas, path.astype(np.float32), lift, widths, color, Part.BEARD)


def _beard_density(beard: str, atlas: Atlas) -> F32:
    masks = atlas.masks
    area = {
        "mustache": masks["moustache"],
        "goatee": np.maximum(masks["moustache"], masks["goatee"]),
        "full beard": np.maximum(np.maximum(masks["moustache"], masks["beard"]), 0.9 * masks["sideburns"]),
    }[beard]
    return area**1.5 * (area > 0.04) * atlas.texel_area


def _anchored(atlas: Atlas, uv: F32, lift: F32, width: F32, color: F32, part: Part) -> Strands:
    """Strands through surface points; those that leave the head are dropped."""
    keep = np.isfinite(uv).all((1, 2))
    uv, lift, width = uv[keep], lift[keep], width[keep]
    triangle, barycentric = atlas.locate(uv)
    return _strands(triangle, barycentric, lift, width, color[keep], part)


def _strands(triangle: I32, barycentric: F32, lift: F32, width: F32, color: F32, part: Part) -> Strands:
    count, steps = triangle.shape
    rgb = np.clip(np.broadcast_to(color, (count, steps, 3)), 0.003, 1.0)
    return Strands(
        points=None,
        triangle=triangle,
        barycentric=barycentric,
        lift=np.ascontiguousarray(lift, np.float32),
        color=rgb.astype(np.float32),
        width=np.ascontiguousarray(width, np.float32),
        alive=np.ones((count, steps), np.float32),
        occlusion=np.full((count, steps), 0.9, np.float32),
        part=part,
    )
