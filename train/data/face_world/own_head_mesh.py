"""The own head's topology: the grid with slits for eyes and mouth, the slits' inner walls, and the parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.data.face_world.own_head_canon import EYE_CENTRE, EYE_CORNERS, EYE_RADIUS, MOUTH_CORNER_X
from train.data.face_world.own_head_grid import Grid
from train.data.face_world.own_head_parts import Part, sheet_triangles
from train.data.face_world.own_head_uv import (
    HIDDEN_TILE,
    PART_TILES,
    column_coordinates,
    grid_uv,
    row_coordinates,
    wall_uv,
)
from train.data.face_world.types import F32, I32, Material

_UV_LINES = (3, 18, 24, 30)  # columns from the middle, nose to cheek, that say how far apart rows are
_LID_LAYERS = (1.0, 0.86)  # of the eyeball's radius
_LIP_LAYERS = ((0.035, 0.010), (0.10, 0.022), (0.20, 0.030), (0.34, 0.0))  # depth, distance from the slit


@dataclass(frozen=True)
class Wall:
    """One layer of a slit's inner wall: vertices start.. follow the margin's vertices.

    Attributes:
        start: first vertex.
        margin: (N,) vertices of the slit's edge.
        layer: number of the layer, outermost 0.
        eye: -1 right, 1 left, 0 the mouth.
        upper: whether it hangs on the upper edge.
    """

    start: int
    margin: I32
    layer: int
    eye: int
    upper: bool


@dataclass(frozen=True)
class Topology:
    """Vertex order: grid rows, apex, lower copies of the slit rows, walls, parts.

    Attributes:
        triangles, uv, uv_triangles, material: as in HeadMesh.
        shape: rows and columns of the grid.
        apex: vertex at the crown.
        copies: (K, 2) row and column that each copied vertex stands for; the first is vertex apex + 1.
        skin: number of vertices before the walls.
        walls: inner walls.
        parts: first vertex of every part by name.
        upper_row, lower_row: (columns,) vertices of the eye row: upper and lower edge (the same outside the slits).
        mouth_upper, mouth_lower: the same for the mouth row.
        count: of all vertices.
    """

    triangles: I32
    uv: F32
    uv_triangles: I32
    material: I32
    shape: tuple[int, int]
    apex: int
    copies: I32
    skin: int
    walls: tuple[Wall, ...]
    parts: dict[str, int]
    upper_row: I32
    lower_row: I32
    mouth_upper: I32
    mouth_lower: I32
    count: int


def build_topology(grid: Grid, mean: F32, parts: list[Part]) -> Topology:
    """Topology of the head whose mean grid points are mean, (R, C, 3)."""
    rows, columns = mean.shape[:2]
    vertex = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    apex = rows * columns
    x, z = mean[..., 0], mean[..., 2]

    # A slit opens between two grid columns: its interior columns get a second vertex for the lower edge.
    at_eye, at_mouth = np.abs(x[grid.eye_row]), np.abs(x[grid.mouth_row])
    eye_open = (at_eye > EYE_CORNERS[0]) & (at_eye < EYE_CORNERS[1]) & (z[grid.eye_row] > 0)
    mouth_open = (at_mouth < MOUTH_CORNER_X) & (z[grid.mouth_row] > 0)
    lower = vertex.copy()
    copies = [(grid.eye_row, c) for c in np.nonzero(eye_open)[0]] + [
        (grid.mouth_row, c) for c in np.nonzero(mouth_open)[0]
    ]
    for k, (row, column) in enumerate(copies):
        lower[row, column] = apex + 1 + k
    count = apex + 1 + len(copies)
    skin = count

    # Triangles by grid corner: column C is column 0 again, with its own uv.
    corner = sheet_triangles(rows, columns + 1, wrapped=False)
    corner_row, corner_column = corner // (columns + 1), corner % (columns + 1) % columns
    cell_row = corner_row.min(1, keepdims=True)
    below = (corner_row == cell_row) & np.isin(cell_row, (grid.eye_row, grid.mouth_row))
    faces = [np.where(below, lower[corner_row, corner_column], vertex[corner_row, corner_column])]
    apex_uv = rows * (columns + 1)
    split = below & (lower != vertex)[corner_row, corner_column]
    uv_faces = [np.where(split, lower[corner_row, corner_column] - apex + apex_uv, corner)]
    azimuth = np.arctan2(x[grid.eye_row], z[grid.eye_row] - grid.origins[grid.eye_row, 0, 2])
    v = row_coordinates(mean[:, columns // 2 + np.array(_UV_LINES)])
    first_uv, gaps = grid_uv(column_coordinates(azimuth), v, np.array(copies))
    uv = [first_uv]
    top = np.arange(columns)
    faces.append(np.stack([np.full(columns, apex), vertex[0, top], vertex[0, (top + 1) % columns]], 1))
    uv_faces.append(np.stack([np.full(columns, apex_uv), top, top + 1], 1))
    material = [np.full(len(faces[0]) + columns, Material.SKIN)]
    uv_count = len(uv[0])

    walls: list[Wall] = []
    middle = columns // 2
    slits = [(grid.eye_row, eye_open & (top < middle), -1), (grid.eye_row, eye_open & (top > middle), 1)]
    for row, opened, eye in [*slits, (grid.mouth_row, mouth_open, 0)]:
        inside = np.nonzero(opened)[0]
        run = np.arange(inside[0] - 1, inside[-1] + 2)
        for upper in (True, False):
            margin = (vertex if upper else lower)[row, run].astype(np.int32)
            margin_uv = np.where(margin > apex, margin - apex + apex_uv, row * (columns + 1) + run)
            layers = len(_LID_LAYERS if eye else _LIP_LAYERS)
            rings, uv_rings = [margin], [margin_uv]
            uv.append(wall_uv(uv[0][margin_uv], upper, layers, gaps[row, run]).reshape(-1, 2))
            for layer in range(layers):
                walls.append(Wall(count, margin, layer, eye, upper))
                rings.append(np.arange(count, count + len(run), dtype=np.int32))
                uv_rings.append(np.arange(uv_count, uv_count + len(run)))
                count += len(run)
                uv_count += len(run)
            strip = sheet_triangles(len(rings), len(run), wrapped=False)
            strip = strip if upper else strip[:, ::-1]
            faces.append(np.concatenate(rings)[strip])
            uv_faces.append(np.concatenate(uv_rings)[strip])
            ring = strip.min(1) // len(run)
            material.append(np.where((ring >= 2) & (eye == 0), Material.MOUTH, Material.SKIN))

    starts: dict[str, int] = {}
    for part in parts:
        starts[part.name] = count
        faces.append(part.triangles + count)
        uv_faces.append(part.triangles + uv_count)
        x0, y0, x1, y1 = PART_TILES.get(part.name, HIDDEN_TILE)
        uv.append(np.array([x0, y0]) + part.uv * np.array([x1 - x0, y1 - y0]))
        material.append(np.full(len(part.triangles), part.material))
        count += len(part.vertices)
        uv_count += len(part.vertices)
    return Topology(
        triangles=np.ascontiguousarray(np.concatenate(faces), np.int32),
        uv=np.ascontiguousarray(np.concatenate(uv), np.float32),
        uv_triangles=np.ascontiguousarray(np.concatenate(uv_faces), np.int32),
        material=np.concatenate(material).astype(np.uint8),
        shape=(rows, columns),
        apex=apex,
        copies=np.array(copies, np.int32),
        skin=skin,
        walls=tuple(walls),
        parts=starts,
        upper_row=vertex[grid.eye_row],
        lower_row=lower[grid.eye_row],
        mouth_upper=vertex[grid.mouth_row],
        mouth_lower=lower[grid.mouth_row],
        count=count,
    )


def place_walls(points: F32, walls: tuple[Wall, ...]) -> None:
    """Sets the inner walls of lids and lips from their margins, in place.

    Args:
        points: (V, 3) canonical positions with the skin in place.
        walls: from the topology.
    """
    for wall in walls:
        margin = points[wall.margin]
        where = slice(wall.start, wall.start + len(wall.margin))
        if wall.eye:
            centre = np.array([wall.eye * EYE_CENTRE[0], *EYE_CENTRE[1:]])
            from_centre = margin - centre
            length = np.linalg.norm(from_centre, axis=1, keepdims=True)
            points[where] = centre + from_centre / length * (EYE_RADIUS * _LID_LAYERS[wall.layer])
        else:
            depth, away = _LIP_LAYERS[wall.layer]
            points[where] = margin
            points[where, 2] -= depth
            points[where, 1] += away if wall.upper else -away
            points[where, 0] *= 1.0 - 0.25 * depth
