"""Things that people wear: clothes, glasses and hats, as triangles in head space at rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.canon import canonical_positions
from train.data.face_world.scalp import AXIS_Z
from train.data.face_world.types import F32, I32, U8, HeadModel, Material

GLASSES = ("round", "rectangular", "aviator")

# half width and half height of a lens, exponent of its superellipse, tube radius of frame and temple
_LENSES = {
    "round": (0.35, 0.33, 2.0, 0.024, 0.020),
    "rectangular": (0.39, 0.26, 4.0, 0.024, 0.020),
    "aviator": (0.39, 0.35, 2.6, 0.013, 0.012),
}
_LENS_BOW = 0.28  # how the front of the glasses curves back from the bridge
_LENS_GAP = 0.03  # of lens and skin


@dataclass(frozen=True)
class Prop:
    """Triangles of something worn.

    Attributes:
        vertices: (V, 3) float32 head space at rest, interocular units.
        triangles: (T, 3) int32.
        material: (T,) uint8 of Material.
    """

    vertices: F32
    triangles: I32
    material: U8


def prop_of(vertices: F32, triangles: I32, material: Material) -> Prop:
    """A prop of one material."""
    kinds = np.full(len(triangles), material, np.uint8)
    return Prop(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32), kinds)


def grid_triangles(rows: int, columns: int, closed: bool) -> I32:
    """Triangles of a grid of vertices, row by row; closed joins the last column to the first."""
    i = np.arange(rows - 1)[:, None]
    j = np.arange(columns if closed else columns - 1)[None]
    a, b = i * columns + j, (i + 1) * columns + j
    right = (j + 1) % columns
    c, d = (i + 1) * columns + right, i * columns + right
    quads = (np.stack([a, b, c], -1), np.stack([a, c, d], -1))
    return np.concatenate([quad.reshape(-1, 3) for quad in quads]).astype(np.int32)


def torso(head: HeadModel, vertices: F32) -> Prop:
    """A shirt over a person's shoulders; see clothes.py."""
    from train.data.face_world.clothes import build_shirt

    return build_shirt(head, vertices)


def glasses(kind: str, head: HeadModel, vertices: F32) -> Prop:
    """A frame with two rims, a bridge and temples that rest over the ears.

    Args:
        kind: one of GLASSES.
        head: topology and landmarks.
        vertices: (V, 3) float32 neutral head.

    Raises:
        InputError: no such kind.
    """
    if kind not in _LENSES:
        raise InputError(f"no glasses {kind!r}", f"Choose one of {', '.join(_LENSES)}.")
    width, height, exponent, tube, temple = _LENSES[kind]
    landmarks = vertices[head.mesh.landmarks]
    eyes = np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0)])
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    width, height = width * distance, height * distance
    front = _front_plane(vertices[skin_vertices(head)], landmarks, eyes, width, height)
    side_x = float(np.quantile(np.abs(vertices[_temple_vertices(head), 0]), 0.95)) + temple + 0.015
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    cos, sin = (np.sign(f(angle)) * np.abs(f(angle)) ** (2 / exponent) for f in (np.cos, np.sin))
    tubes = []
    for side, eye in zip((-1.0, 1.0), eyes, strict=True):
        rim = np.stack([eye[0] + width * cos, eye[1] + height * sin, np.zeros_like(cos)], -1)
        rim[:, 2] = _bow(front, rim[:, 0])
        tubes.append(_tube(rim, tube, closed=True))
        hinge_x, hinge_y = eye[0] + side * width, eye[1] + 0.25 * height
        hinge_z = float(_bow(front, np.array([hinge_x]))[0])
        path = [
            (hinge_x, hinge_y, hinge_z),
            (hinge_x + side * 0.04, hinge_y + 0.01, hinge_z - 0.07),
            (side * max(side_x, abs(hinge_x) + 0.05), hinge_y + 0.01, -0.55),
            (side * side_x, hinge_y, -1.05),
            (side * side_x, hinge_y - 0.10, -1.40),
        ]
        tubes.append(_tube(np.array(path), temple, closed=False))
    t = np.linspace(0, 1, 9)
    x = eyes[0, 0] + width + (eyes[1, 0] - eyes[0, 0] - 2 * width) * t
    arch = 0.05 * np.sin(np.pi * t)
    tubes.append(_tube(np.stack([x, eyes[:, 1].mean() + arch, _bow(front, x) + 0.7 * arch], -1), tube, closed=False))
    offsets = np.cumsum([0, *(len(points) for points, _ in tubes)])
    triangles = np.concatenate([faces + offset for (_, faces), offset in zip(tubes, offsets, strict=False)])
    return prop_of(np.concatenate([points for points, _ in tubes]), triangles, Material.FRAME)


def hat(kind: str, head: HeadModel, vertices: F32) -> Prop:
    """A hat on the skull; see hats.py."""
    from train.data.face_world.hats import build_hat

    return build_hat(kind, head, vertices)


def _bow(front: float, x: F32) -> F32:
    return front - _LENS_BOW * (np.abs(x) - 0.16) ** 2


def _front_plane(skin: F32, landmarks: F32, eyes: F32, width: float, height: float) -> float:
    """z of the bridge, so that lenses clear lids and cheeks and the bridge clears the nose."""
    front = max(landmarks[27, 2], landmarks[28, 2] - 0.05) + 0.06
    for eye in eyes:
        inside = ((skin[:, 0] - eye[0]) / width) ** 2 + ((skin[:, 1] - eye[1]) / height) ** 2 < 1
        behind = skin[inside & (skin[:, 2] > eye[2] - 0.5)]
        front = max(front, float((behind[:, 2] + _LENS_BOW * (np.abs(behind[:, 0]) - 0.16) ** 2).max()) + _LENS_GAP)
    return float(front)


def _tube(path: F32, radius: float, closed: bool, around: int = 8) -> tuple[F32, I32]:
    """A round tube along a path."""
    tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        tangent[0], tangent[-1] = path[1] - path[0], path[-1] - path[-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # temples run along z and rims across it: a fixed oblique axis is never parallel to either
    side = np.cross(tangent, np.array([0.31, 0.62, 0.72]))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(tangent, side)
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)[None, :, None]
    points = (path[:, None] + radius * (np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None])).reshape(-1, 3)
    rows = len(path)
    if closed:
        points, rows = np.concatenate([points, points[:around]]), rows + 1
    return points.astype(np.float32), grid_triangles(rows, around, True)


@cache
def skin_vertices(head: HeadModel) -> I32:
    """Indices of the vertices of a head's skin, (N,) int32."""
    mesh = head.mesh
    return np.unique(mesh.triangles[mesh.material == Material.SKIN]).astype(np.int32)


@cache
def _temple_vertices(head: HeadModel) -> I32:
    """Skin of the side of the head that the temples of glasses pass, in front of the ears."""
    skin = skin_vertices(head)
    p = canonical_positions(head, head.mesh.vertices[skin])
    return skin[(p[:, 1] > 0.0) & (p[:, 1] < 0.25) & (p[:, 2] < -0.45) & (p[:, 2] > AXIS_Z + 0.25)]
