"""What the own head's grid cannot hold: ears, teeth, gums, tongue, the mouth's inside and the eyeballs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.data.face_world.own_head_canon import EYE_CENTRE, EYE_RADIUS, MOUTH_Y
from train.data.face_world.types import F32, I32, Material

EAR_ROOT = (1.06, -0.10, -1.04)  # front edge of the ear, mean head
_EAR_HALF = (0.255, 0.47)  # half width, half height: brow to nose base
_EAR_RINGS, _EAR_SPOKES = 18, 44
_EAR_OPENING = 0.42  # how far the back edge stands off the skull for each unit of width
_TOOTH_WIDTHS = (0.125, 0.100, 0.112, 0.100, 0.100, 0.140)  # from the middle outwards
_TOOTH_STEPS = 8


@dataclass(frozen=True)
class Part:
    """A piece of mesh.

    Attributes:
        name: unique.
        vertices: (N, 3) float64.
        triangles: (T, 3) int32, counter-clockwise from outside.
        uv: (N, 2) float64 in [0, 1]^2, inside the part's own tile.
        material: of all its triangles.
        jaw: (N,) float64 share of the jaw's motion.
    """

    name: str
    vertices: F32
    triangles: I32
    uv: F32
    material: Material
    jaw: F32


def sheet_triangles(rows: int, columns: int, wrapped: bool) -> I32:
    """Two triangles per cell of a (rows, columns) sheet; counter-clockwise where rows run down and columns right."""
    i = np.arange(rows - 1)[:, None]
    j = np.arange(columns if wrapped else columns - 1)[None]
    right = (j + 1) % columns
    a, b, c, d = i * columns + j, (i + 1) * columns + j, (i + 1) * columns + right, i * columns + right
    both = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    return np.concatenate(both).astype(np.int32)


def build_parts() -> list[Part]:
    """All parts of the mean head, right one of a pair (negative x) first."""
    eyes = [_sphere("eye right", (-EYE_CENTRE[0], *EYE_CENTRE[1:]), Material.EYE_RIGHT)]
    eyes.append(_sphere("eye left", EYE_CENTRE, Material.EYE_LEFT))
    return [_ear(-1), _ear(1), *_teeth(upper=True), *_teeth(upper=False), _tongue(), _mouth_bag(), *eyes]


def _ear(side: int) -> Part:
    """A dish: rim (helix), inner ridge (antihelix), bowl (concha), flap (tragus), lobe, and a back to the skull."""
    ring = np.linspace(0.0, 1.0, _EAR_RINGS - 3)[:, None]
    turn = np.linspace(0.0, 2.0 * np.pi, _EAR_SPOKES, endpoint=False)[None]
    low = np.clip(-np.sin(turn), 0.0, 1.0)
    half_width = _EAR_HALF[0] * (
        1.0 - 0.24 * low**1.5 + 0.10 * np.clip(np.sin(turn), 0, 1) * (np.cos(turn) > 0) * np.sin(2 * turn)
    )
    back = ring * half_width * np.cos(turn)
    up = ring * _EAR_HALF[1] * np.sin(turn) + 0 * turn

    def ridge(at: float, width: float) -> F32:
        return np.exp(-(((ring - at) / width) ** 2))

    def bump(at_back: float, at_up: float, half_back: float, half_up: float) -> F32:
        return np.exp(-(((back - at_back) / half_back) ** 2 + ((up - at_up) / half_up) ** 2))

    degrees = np.degrees(np.arctan2(np.sin(turn), np.cos(turn)))
    helix = 1.0 / (1.0 + np.exp(-(degrees + 45.0) / 12.0)) / (1.0 + np.exp((degrees - 165.0) / 8.0))
    inner = 1.0 / (1.0 + np.exp(-(degrees + 62.0) / 12.0)) / (1.0 + np.exp((degrees - 112.0) / 14.0))
    out = _EAR_OPENING * (back + _EAR_HALF[0]) * (0.75 + 0.25 * np.cos(turn))
    out = (
        out + 0.060 * helix * ridge(0.93, 0.085) - 0.025 * helix * ridge(0.77, 0.07) + 0.060 * inner * ridge(0.60, 0.11)
    )
    out = out - 0.12 * bump(-0.05, -0.09, 0.11, 0.14) - 0.035 * bump(-0.02, 0.14, 0.10, 0.10)
    out = out + 0.07 * bump(-0.20, -0.08, 0.055, 0.085) + 0.045 * bump(-0.04, -0.26, 0.07, 0.05)

    rim = np.stack([back[-1:], up[-1:], out[-1:]])
    behind = [rim * np.array([0.985, 0.985, 1.0])[:, None, None] - np.array([0.0, 0.0, 0.035])[:, None, None]]
    behind.append(rim * np.array([0.80, 0.85, 0.75])[:, None, None] - np.array([0.02, 0.0, 0.05])[:, None, None])
    behind.append(rim * np.array([0.55, 0.70, 0.0])[:, None, None] - np.array([0.05, 0.0, 0.16])[:, None, None])
    back, up, out = np.concatenate([np.stack([back, up, out]), *behind], 1)

    lean = np.radians(12.0)
    along, high = back * np.cos(lean) - up * np.sin(lean) * -1.0, up * np.cos(lean) - back * np.sin(lean)
    root_x, root_y, root_z = EAR_ROOT
    points = np.stack([side * (root_x + out), root_y + high, root_z - _EAR_HALF[0] - along + 0.02], -1).reshape(-1, 3)
    spread = np.concatenate([ring[:, 0], [1.05, 1.12, 1.2]])[:, None] / 2.5
    uv = np.stack([0.5 + spread * np.cos(turn), 0.5 + spread * np.sin(turn)], -1).reshape(-1, 2)
    triangles = sheet_triangles(_EAR_RINGS, _EAR_SPOKES, wrapped=True)
    triangles = triangles if side > 0 else triangles[:, ::-1]
    return Part(f"ear {'left' if side > 0 else 'right'}", points, triangles, uv, Material.SKIN, np.zeros(len(points)))


def _teeth(upper: bool) -> list[Part]:
    """One row of teeth and its gum."""
    way = 1.0 if upper else -1.0
    shrink = 1.0 if upper else 0.90
    widths = np.array(_TOOTH_WIDTHS) * shrink
    local = np.linspace(-1.0, 1.0, _TOOTH_STEPS)
    arc, inside_tooth, tall = [], [], []
    start = 0.0
    for k, width in enumerate(widths):
        arc.append(start + width * (0.5 + 0.5 * local))
        inside_tooth.append(local)
        tall.append(np.full(_TOOTH_STEPS, (0.0, -0.014, 0.004, -0.012, -0.014, -0.02)[k] if upper else 0.0))
        start += width
    arc = np.concatenate([-np.concatenate(arc)[::-1], np.concatenate(arc)])
    inside_tooth = np.concatenate([np.concatenate(inside_tooth)[::-1], np.concatenate(inside_tooth)])
    tall = np.concatenate([np.concatenate(tall)[::-1], np.concatenate(tall)])
    x, z, normal_x, normal_z = _arch(arc, 0.40 if upper else 0.365)
    down = np.linspace(0.0, 1.0, 7)[:, None]  # from the gum to the edge
    swell = 0.022 * (1.0 - np.abs(inside_tooth) ** 3) * np.sin(np.pi * (0.25 + 0.6 * down))
    edge_y = MOUTH_Y + (-0.020 if upper else -0.012) + way * (-tall + 0.016 * np.abs(inside_tooth) ** 5)
    gum_y = edge_y + way * 0.155
    y = gum_y + (edge_y - gum_y) * down
    lean = 0.02 * down  # towards the lips at the edge
    points = np.stack([x + normal_x * (swell + lean), y, z + normal_z * (swell + lean)], -1)
    points = np.concatenate([points, points[-1:] - np.stack([normal_x, 0 * x, normal_z], -1)[None] * 0.06])
    gum_down = np.linspace(0.0, 1.0, 5)[:, None]
    scallop = way * 0.02 * (1.0 - np.abs(inside_tooth) ** 2)
    gum_top = gum_y + way * (0.16 if upper else 0.07)
    y = gum_top + (gum_y + scallop - way * 0.035 - gum_top) * gum_down
    swell = 0.030 * np.sin(np.pi * np.clip(0.3 + 0.7 * gum_down, 0, 1)) + 0.004 - 0.05 * (1.0 - gum_down)
    gum = np.stack([x + normal_x * swell, y, z + normal_z * swell], -1)
    name = "upper" if upper else "lower"
    jaw = 0.0 if upper else 1.0
    return [
        _sheet(f"{name} teeth", points, Material.TEETH, jaw, flip=not upper),
        _sheet(f"{name} gum", gum, Material.MOUTH, jaw, flip=not upper),
    ]


def _arch(arc: F32, front: float) -> tuple[F32, F32, F32, F32]:
    """Points and outward normals of the dental arch z = front - 1.55 x^2 at given arc lengths from the middle."""
    x = np.linspace(-0.6, 0.6, 1201)
    z = front - 1.55 * x**2
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    at_x = np.interp(arc, length - length[600], x)
    slope = 3.1 * at_x
    norm = np.hypot(slope, 1.0)
    return at_x, front - 1.55 * at_x**2, slope / norm, 1.0 / norm


def _sheet(name: str, points: F32, material: Material, jaw: float, flip: bool) -> Part:
    rows, columns = points.shape[:2]
    triangles = sheet_triangles(rows, columns, wrapped=False)
    flat = points.reshape(-1, 3)
    return Part(
        name,
        flat,
        triangles[:, ::-1] if flip else triangles,
        np.full((len(flat), 2), 0.5),
        material,
        np.full(len(flat), jaw),
    )


def _tongue() -> Part:
    points, triangles = _ball((0.0, MOUTH_Y - 0.10, -0.02), (0.25, 0.09, 0.33), 14, 20)
    points[:, 1] -= 0.05 * np.exp(-((points[:, 0] / 0.06) ** 2)) * (points[:, 1] > MOUTH_Y - 0.10)
    return Part("tongue", points, triangles, np.full((len(points), 2), 0.5), Material.MOUTH, np.full(len(points), 0.9))


def _mouth_bag() -> Part:
    """The dark inside: the back half of an ellipsoid, seen from within."""
    points, triangles = _ball((0.0, MOUTH_Y - 0.02, 0.12), (0.40, 0.34, 0.70), 20, 32)
    triangles = triangles[(points[triangles, 2] < 0.13).all(1)][:, ::-1]
    used, triangles = np.unique(triangles, return_inverse=True)
    points, triangles = points[used], triangles.reshape(-1, 3).astype(np.int32)
    jaw = np.clip(0.5 - (points[:, 1] - MOUTH_Y) / 0.3, 0.0, 1.0)
    return Part("mouth bag", points, triangles, np.full((len(points), 2), 0.5), Material.MOUTH, jaw)


def _sphere(name: str, centre: tuple[float, float, float], material: Material) -> Part:
    points, triangles = _ball(centre, (EYE_RADIUS,) * 3, 20, 28)
    return Part(name, points, triangles, np.full((len(points), 2), 0.5), material, np.zeros(len(points)))


def _ball(centre: tuple[float, ...], radii: tuple[float, ...], rings: int, spokes: int) -> tuple[F32, I32]:
    """An ellipsoid with its poles on the z axis; every pole is one vertex, so that the mean vertex is the centre."""
    polar = np.linspace(0.0, np.pi, rings)[1:-1, None]
    turn = np.linspace(0.0, 2.0 * np.pi, spokes, endpoint=False)[None]
    body = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1).reshape(
        -1, 3
    )
    unit = np.concatenate([body, [[0, 0, 1.0]], [[0, 0, -1.0]]])
    triangles = [sheet_triangles(rings - 2, spokes, wrapped=True)]
    around = np.arange(spokes)
    following = (around + 1) % spokes
    front, rear, last = len(body), len(body) + 1, (rings - 3) * spokes
    triangles.append(np.stack([np.full(spokes, front), around, following], 1))
    triangles.append(np.stack([last + following, last + around, np.full(spokes, rear)], 1))
    return unit * np.array(radii) + np.array(centre), np.concatenate(triangles).astype(np.int32)
