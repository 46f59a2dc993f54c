"""The FaceKit head: 100 shape modes and ARKit expressions learnt from scans, in the face world's frame."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from train.data.face_world.asymmetry import asymmetry_offset
from train.data.face_world.expression import ALL_NAMES, check_expression
from train.data.face_world.facekit_files import IDENTITY_MODES, MATERIALS, FacekitGeometry, read_facekit
from train.data.face_world.types import F32, I32, HeadMesh, HeadName, Identity, Material

# The 68 iBUG points as vertex numbers of FaceKit's mesh, jaw from negative x.
LANDMARKS = (
    *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443),
    *(268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509),
    *(978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360),
    *(1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732),
    *(5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841),
    *(5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
)
FIRST_SOCKET_VERTEX = 11248  # the mouth's and the eyes' sockets share the back head's material
SHAPE_SPREAD = 0.85  # full-width samples of the modes wander off the scans
SHAPE_LIMIT = 2.0
TEETH_CELL_CM = 0.12
BACK_OF_TEETH = -0.35
_MATERIAL = {
    "M_Face": Material.SKIN,
    "M_BackHead": Material.SKIN,
    "M_GumsTongue": Material.MOUTH,
    "M_Teeth": Material.TEETH,
    "M_ScleraLeft": Material.EYE_LEFT,
    "M_ScleraRight": Material.EYE_RIGHT,
}
_MATERIAL_TABLE = np.array([_MATERIAL.get(name, Material.MOUTH) for name in MATERIALS], np.uint8)


class FacekitHead:
    """ICT-FaceKit behind the HeadModel protocol.

    Args:
        place: a clone of ICT-FaceKit, a pack, or the folder that holds a pack.

    Raises:
        InputError: no FaceKit there.
    """

    name: HeadName = "facekit"
    n_shape = IDENTITY_MODES

    def __init__(self, place: Path) -> None:
        source = read_facekit(place)
        kept, corner = _kept_triangles(source)
        used = np.unique(kept)
        number = np.full(len(source.vertices), -1, np.int32)
        number[used] = np.arange(len(used))

        eye_ranges, centres = [], []
        for side in ("Right", "Left"):
            ball = np.unique(source.triangles[source.material == MATERIALS.index(f"M_Sclera{side}")])
            eye_ranges.append((int(number[ball[0]]), int(number[ball[-1]]) + 1))
            centres.append(_sphere_centre(source.vertices[ball]))
        middle, interocular = (centres[0] + centres[1]) / 2, float(np.linalg.norm(centres[1] - centres[0]))

        centimetres = source.vertices[used]
        triangles = number[kept]
        material = _MATERIAL_TABLE[source.material[corner]]
        material[(kept >= FIRST_SOCKET_VERTEX).any(1) & (material == Material.SKIN)] = Material.MOUTH
        uv = np.where(source.uv[:, :1] < 2.0, source.uv * np.array([0.5, 1.0], np.float32), np.float32(0.5))
        landmarks = number[np.array(LANDMARKS)]
        self.mesh = HeadMesh(
            vertices=((centimetres - middle) / interocular).astype(np.float32),
            triangles=triangles,
            uv=np.ascontiguousarray(uv, np.float32),
            uv_triangles=np.ascontiguousarray(source.uv_triangles[corner]),
            material=material,
            landmarks=landmarks,
            head_weight=_head_weight(centimetres, used),
            eyes=(eye_ranges[0], eye_ranges[1]),
            lid_rows=_lid_rows(centimetres, triangles[material == Material.SKIN], landmarks),
        )
        self._modes = _flat(source.identity[:, used] / interocular)
        self._rows, self._shapes = _expression_rows(source, used, interocular)
        self._neutrals: dict[bytes, F32] = {}

    def neutral(self, identity: Identity) -> F32:
        """Neutral head of a person, (V, 3) float32, interocular units."""
        key = identity.shape.tobytes() + f"{identity.seed}:{identity.asymmetry}".encode()
        if key not in self._neutrals:
            if len(self._neutrals) >= 64:
                self._neutrals.clear()
            weights = np.clip(identity.shape * SHAPE_SPREAD, -SHAPE_LIMIT, SHAPE_LIMIT).astype(np.float32)
            shaped = self.mesh.vertices + (weights @ self._modes).reshape(-1, 3)
            self._neutrals[key] = shaped + asymmetry_offset(self.mesh, identity.seed, identity.asymmetry)
        return self._neutrals[key].copy()

    def deform(self, identity: Identity, expression: Mapping[str, float]) -> F32:
        """The head with an expression; every ARKit name but tongueOut moves it. (V, 3) float32, interocular units.

        Raises:
            InputError: an unknown expression name or a weight out of [0, 1].
        """
        check_expression(expression)
        vertices = self.neutral(identity)
        flat = vertices.reshape(-1)
        for name, weight in expression.items():
            if weight > 0:
                for row in self._rows[name]:
                    flat += np.float32(weight) * self._shapes[row]
        return vertices


def _flat(modes: F32) -> F32:
    return np.ascontiguousarray(modes.reshape(len(modes), -1), np.float32)


def _kept_triangles(source: FacekitGeometry) -> tuple[I32, I32]:
    """Triangles worth drawing, (K, 3) of vertex numbers, and which of the source's triangles each one is.

    Inner irises, lashes, tear films and the backs of the teeth go; teeth and gums are thinned by vertex clustering.
    """
    name_of = np.array(MATERIALS)[source.material]
    triangles = source.triangles.copy()
    inner = np.isin(name_of, ("M_Teeth", "M_GumsTongue"))
    wanted = np.isin(name_of, tuple(_MATERIAL))

    corners = source.vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    outward = corners.mean(1) - source.vertices[triangles[inner]].mean((0, 1))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-12
    wanted &= ~((name_of == "M_Teeth") & ((normal * outward).sum(1) < BACK_OF_TEETH))

    # A cluster must not join the two rows of teeth, or a tooth to its gum: the jaw's motion is in the key.
    moved = np.linalg.norm(source.expressions[source.names.index("jawOpen")], axis=1) > 0.05
    representative = np.arange(len(source.vertices))
    for name in ("M_Teeth", "M_GumsTongue"):
        used = np.unique(triangles[(name_of == name) & wanted])
        cell = np.floor(source.vertices[used] / TEETH_CELL_CM).astype(np.int64)
        _, first, group = np.unique(np.c_[cell, moved[used]], axis=0, return_index=True, return_inverse=True)
        representative[used] = used[first][group.ravel()]
    triangles = representative[triangles].astype(np.int32)
    a, b, c = triangles.T
    wanted &= (a != b) & (b != c) & (c != a)
    return triangles[wanted], np.nonzero(wanted)[0].astype(np.int32)


def _sphere_centre(points: F32) -> F32:
    """Centre of the least-squares sphere through points (N, 3)."""
    system = np.c_[2.0 * points, np.ones(len(points))]
    return np.linalg.lstsq(system, (points.astype(np.float64) ** 2).sum(1), rcond=None)[0][:3].astype(np.float32)


def _head_weight(centimetres: F32, used: I32) -> F32:
    """1 on the head, fading to 0 down the neck (lower in the back than under the chin)."""
    _, y, z = centimetres.T
    height = y + 0.35 * np.maximum(z - 2.0, 0.0) + 0.15 * np.maximum(-z, 0.0)
    t = np.clip((height + 13.5) / 8.5, 0.0, 1.0)
    return np.where(used < FIRST_SOCKET_VERTEX, t * t * (3.0 - 2.0 * t), 1.0).astype(np.float32)


def _lid_rows(vertices: F32, triangles: I32, landmarks: I32) -> tuple[I32, I32, I32, I32]:
    """Lid margins from inner to outer corner: shortest ways along the mesh through the eye landmarks."""
    neighbours: dict[int, set[int]] = {}
    for a, b, c in triangles.tolist():
        for p, q in ((a, b), (b, c), (c, a)):
            neighbours.setdefault(p, set()).add(q)
            neighbours.setdefault(q, set()).add(p)

    def way(start: int, goal: int) -> list[int]:
        best, came, heap = {start: 0.0}, {}, [(0.0, start)]
        while heap:
            length, here = heapq.heappop(heap)
            if here == goal:
                break
            for there in neighbours[here]:
                total = length + float(np.linalg.norm(vertices[here] - vertices[there]))
                if total < best.get(there, np.inf):
                    best[there], came[there] = total, here
                    heapq.heappush(heap, (total, there))
        path = [goal]
        while path[-1] != start:
            path.append(came[path[-1]])
        return path[::-1]

    rows = []
    for stops in ((39, 38, 37, 36), (39, 40, 41, 36), (42, 43, 44, 45), (42, 47, 46, 45)):
        points = [int(landmarks[stop]) for stop in stops]
        row = points[:1]
        for start, goal in zip(points[:-1], points[1:], strict=True):
            row += way(start, goal)[1:]
        rows.append(np.array(row, np.int32))
    return rows[0], rows[1], rows[2], rows[3]


def _expression_rows(source: FacekitGeometry, used: I32, interocular: float) -> tuple[dict[str, list[int]], F32]:
    """Which rows of the shape matrix each ARKit name adds, and the matrix, (M, 3 V) float32."""
    rows: dict[str, list[int]] = {name: [] for name in sorted(ALL_NAMES)}
    kept: list[int] = []
    for k, name in enumerate(source.names):
        spelled = name.replace("_L", "Left").replace("_R", "Right")
        plain = name.removesuffix("_L").removesuffix("_R")
        # browInnerUp and cheekPuff have two sides in FaceKit and one name in ARKit.
        arkit = spelled if spelled in rows else plain
        if arkit in rows:
            rows[arkit].append(len(kept))
            kept.append(k)
    return rows, _flat(source.expressions[kept][:, used] / interocular)
