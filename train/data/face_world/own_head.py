"""The own head: made by code from an artist's canon, no data; its shape parameters are independent of each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from train.data.face_world.asymmetry import asymmetry_offset
from train.data.face_world.expression import check_expression
from train.data.face_world.own_head_canon import (
    EYE_CENTRE,
    MOUTH_CORNER_X,
    MOUTH_Y,
    SHAPE_CHANGES,
    primitive_table,
)
from train.data.face_world.own_head_expression import field_matrix, jaw_share, smooth, turn_jaw
from train.data.face_world.own_head_grid import build_grid
from train.data.face_world.own_head_landmarks import find_landmarks
from train.data.face_world.own_head_lids import Lids
from train.data.face_world.own_head_mesh import build_topology, place_walls
from train.data.face_world.own_head_parts import EAR_ROOT, build_parts
from train.data.face_world.own_head_sdf import surface_points
from train.data.face_world.own_head_warp import WARPS, eyeball_warp, warp
from train.data.face_world.types import F32, HeadMesh, HeadName, Identity

PARAMETERS: tuple[str, ...] = (*SHAPE_CHANGES, *WARPS, "eye opening", "lip line", "ear size", "ear opening")
_CACHED_PEOPLE = 64


class OwnHead:
    """The own head behind the HeadModel protocol.

    Expressions it knows: jawOpen, jawForward/Left/Right, brow*, cheek*, noseSneer*, every mouth* but mouthClose, every
    eye* but eyeLookIn/Out. Those are ignored: the lips close when the jaw does, lids only follow a gaze up or down.
    """

    name: HeadName = "own"
    n_shape = len(PARAMETERS)

    def __init__(self) -> None:
        self._grid = build_grid()
        self._parts = build_parts()
        mean = self._trace(np.zeros(self.n_shape))
        self._topology = build_topology(self._grid, mean, self._parts)
        self._lids = Lids(self._topology.upper_row, self._topology.lower_row, mean, self._grid.eye_row)
        rest = self._skin(mean)
        count = self._topology.skin
        # a copied vertex is a lower edge: of the lids first, then of the lips
        row = np.concatenate([np.repeat(np.arange(mean.shape[0]), mean.shape[1]), [0], self._topology.copies[:, 0]])
        copied = np.arange(count) > self._topology.apex
        below_lips = (row > self._grid.mouth_row) | (copied & (row == self._grid.mouth_row))
        self._mean_skin = rest
        self._jaw = np.zeros(self._topology.count)
        self._jaw[:count] = jaw_share(rest, below_lips)
        for part in self._parts:
            start = self._topology.parts[part.name]
            self._jaw[start : start + len(part.vertices)] = part.jaw
        self._names, self._fields = field_matrix(rest, below_lips, self._jaw[:count])
        self._people: dict[bytes, tuple[F32, F32]] = {}
        self.mesh = self._build_mesh()

    def neutral(self, identity: Identity) -> F32:
        """Neutral head of a person, (V, 3) float32, interocular units."""
        return self.deform(identity, {})

    def deform(self, identity: Identity, expression: Mapping[str, float]) -> F32:
        """The head with an expression, (V, 3) float32, interocular units.

        Raises:
            InputError: an unknown expression name or a weight out of [0, 1].
        """
        check_expression(expression)
        shape = np.zeros(self.n_shape)
        shape[:] = identity.shape[: self.n_shape]
        key = shape.tobytes() + f"{identity.seed}:{identity.asymmetry}".encode()
        if key not in self._people:
            if len(self._people) >= _CACHED_PEOPLE:
                self._people.clear()
            offset = asymmetry_offset(self.mesh, identity.seed, identity.asymmetry)
            self._people[key] = (self._trace(shape), offset)
        traced, offset = self._people[key]
        return (self._pose(traced, shape, expression) + offset).astype(np.float32)

    def _trace(self, shape: F32) -> F32:
        """Grid points of a person with closed lids, canonical space, (R, C, 3)."""
        half = surface_points(self._grid.origins, self._grid.directions, primitive_table(shape[: len(SHAPE_CHANGES)]))
        half[:, 0, 0] = 0.0
        return np.concatenate([half[:, :0:-1] * np.array([-1.0, 1.0, 1.0]), half], 1)

    def _skin(self, traced: F32) -> F32:
        """Skin vertices with closed lids: grid, apex, copies."""
        flat = traced.reshape(-1, 3)
        apex = traced[0].mean(0, keepdims=True)
        rows, columns = self._topology.copies.T
        return np.concatenate([flat, apex, traced[rows, columns]])

    def _pose(self, traced: F32, shape: F32, expression: Mapping[str, float]) -> F32:
        topology = self._topology
        own = dict(zip(PARAMETERS, shape, strict=True))
        points = np.zeros((topology.count, 3))
        skin = self._skin(traced)
        self._lids.slide(skin, traced, expression, 1.0 + 0.10 * own["eye opening"])
        skin[:, 1] += _lip_line(self._mean_skin, own["lip line"])
        for name, field in zip(self._names, self._fields, strict=True):
            weight = expression.get(name, 0.0)
            if weight > 0:
                skin += weight * field
        points[: topology.skin] = skin
        self._place_parts(points, traced, own)
        jaw = expression.get("jawOpen", 0.0)
        if jaw > 0:
            turn_jaw(points, self._jaw, jaw)
        place_walls(points, topology.walls)

        weights = shape[len(SHAPE_CHANGES) : len(SHAPE_CHANGES) + len(WARPS)]
        warped = warp(points, weights)
        for side, name in ((-1.0, "eye right"), (1.0, "eye left")):
            start, stop = self._range(name)
            centre = np.array([side * EYE_CENTRE[0], *EYE_CENTRE[1:]])
            new_centre, scale = eyeball_warp(centre, weights)
            warped[start:stop] = new_centre + (points[start:stop] - centre) * scale
        return warped

    def _place_parts(self, points: F32, traced: F32, own: Mapping[str, float]) -> None:
        for part in self._parts:
            start, stop = self._range(part.name)
            points[start:stop] = part.vertices
            if part.name.startswith("ear"):
                side = 1.0 if part.name.endswith("left") else -1.0
                root = np.array([side * EAR_ROOT[0], *EAR_ROOT[1:]])
                from_root = (part.vertices - root) * (1.0 + 0.07 * own["ear size"])
                from_root[:, 0] *= 1.0 + 0.16 * own["ear opening"]
                root[0] = side * self._surface_x(traced)
                points[start:stop] = root + from_root

    def _surface_x(self, traced: F32) -> float:
        """Half width of the head where the ear is rooted."""
        distance = np.hypot(traced[..., 1] - EAR_ROOT[1], traced[..., 2] - EAR_ROOT[2]) + 9.0 * (traced[..., 0] < 0)
        return float(traced.reshape(-1, 3)[distance.argmin(), 0]) - 0.02

    def _range(self, name: str) -> tuple[int, int]:
        start = self._topology.parts[name]
        return start, start + next(len(part.vertices) for part in self._parts if part.name == name)

    def _build_mesh(self) -> HeadMesh:
        topology = self._topology
        shape = np.zeros(self.n_shape)
        vertices = self._pose(self._trace(shape), shape, {}).astype(np.float32)
        weight = _head_weight(vertices)
        weight[topology.skin :] = 1.0
        return HeadMesh(
            vertices=vertices,
            triangles=topology.triangles,
            uv=topology.uv,
            uv_triangles=topology.uv_triangles,
            material=topology.material.astype(np.uint8),
            landmarks=find_landmarks(vertices, topology),
            head_weight=weight,
            eyes=(self._range("eye right"), self._range("eye left")),
            lid_rows=self._lids.rows,
        )


def _lip_line(points: F32, bow: float) -> F32:
    """Height added to the lips so that their line is a soft bow: full in the middle, corners set low."""
    x, y = np.abs(points[:, 0]), points[:, 1]
    line = -0.014 * np.exp(-((x / 0.09) ** 2)) + 0.010 * np.exp(-(((x - 0.18) / 0.10) ** 2))
    line += (-0.016 + 0.012 * bow) * smooth(x, 0.22, MOUTH_CORNER_X)
    return line * np.exp(-(((y - MOUTH_Y) / 0.14) ** 2)) * np.exp(-((x / 0.55) ** 6)) * smooth(points[:, 2], -0.3, 0.1)


def _head_weight(vertices: F32) -> F32:
    """1 on the head, fading to 0 down the neck (lower in the back than under the chin)."""
    _, y, z = vertices.T
    height = y + 0.35 * np.maximum(z + 0.95, 0.0) + 0.15 * np.maximum(-1.3 - z, 0.0)
    return smooth(height, -2.7, -1.5).astype(np.float32)
