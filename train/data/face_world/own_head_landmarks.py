"""The 68 iBUG landmarks of the own head: named places on the mean surface, and the slits' own vertices."""

from __future__ import annotations

import numpy as np

from train.data.face_world.own_head_canon import EYE_CORNERS, MOUTH_CORNER_X
from train.data.face_world.own_head_mesh import Topology
from train.data.face_world.types import F32, I32

# places of the left half (x >= 0) in x, y, z; the nearest skin vertex is taken
_JAW = (
    *((0.0, -1.67, 0.22), (0.22, -1.64, 0.16), (0.43, -1.55, -0.02), (0.60, -1.41, -0.24), (0.75, -1.22, -0.48)),
    *((0.87, -0.95, -0.66), (0.97, -0.65, -0.76), (1.04, -0.32, -0.82), (1.06, 0.0, -0.84)),
)
_BROW = ((0.17, 0.34, 0.36), (0.34, 0.41, 0.32), (0.50, 0.43, 0.26), (0.66, 0.40, 0.15), (0.80, 0.30, -0.02))
_NOSE_LINE = ((0.0, 0.06, 0.38), (0.0, -0.12, 0.47), (0.0, -0.29, 0.60), (0.0, -0.45, 0.77))
_NOSE_BASE = ((0.0, -0.62, 0.56), (0.09, -0.60, 0.52), (0.20, -0.56, 0.46))
_UPPER_LIP = ((0.0, -0.815, 0.57), (0.09, -0.795, 0.56), (0.26, -0.875, 0.43))
_LOWER_LIP = ((0.0, -1.125, 0.50), (0.12, -1.115, 0.48), (0.27, -1.06, 0.36))
_EYE_SHARES = (0.33, 0.67)  # of the way from the inner to the outer corner
_INNER_LIP_X = (0.0, 0.13)


def find_landmarks(vertices: F32, topology: Topology) -> I32:
    """Vertex numbers of the 68 points.

    Args:
        vertices: (V, 3) mean head.
        topology: its topology.

    Returns:
        (68,) int32, iBUG order: 0 is the jaw at negative x.
    """
    rows, columns = topology.shape
    grid = vertices[: rows * columns]

    def near(place: tuple[float, float, float]) -> int:
        left = np.nonzero(grid[:, 0] >= -1e-6)[0]
        return int(left[((grid[left] - np.array(place)) ** 2).sum(1).argmin()])

    def at(row: I32, x: float) -> int:
        front = np.nonzero(vertices[row, 2] > 0)[0]
        return int(row[front[np.abs(vertices[row[front], 0] - x).argmin()]])

    def mirror(vertex: int) -> int:
        if vertex < rows * columns:
            return vertex - vertex % columns + columns - 1 - vertex % columns
        row, column = topology.copies[vertex - topology.apex - 1]
        row_vertices = topology.lower_row if row == topology.lower_row[0] // columns else topology.mouth_lower
        return int(row_vertices[columns - 1 - column])

    def both(places: list[int]) -> list[int]:
        """Middle point first; from the right end over the middle to the left end."""
        return [mirror(place) for place in places[:0:-1]] + places

    jaw = both([near(place) for place in _JAW])
    brow = [near(place) for place in _BROW]
    nose = [near(place) for place in _NOSE_LINE] + both([near(place) for place in _NOSE_BASE])

    opened = np.nonzero(topology.upper_row != topology.lower_row)[0]
    left = opened[opened > columns // 2]
    inner, outer = int(topology.upper_row[left[0] - 1]), int(topology.upper_row[left[-1] + 1])
    upper, lower = (
        [at(row, EYE_CORNERS[0] + share * (EYE_CORNERS[1] - EYE_CORNERS[0])) for share in _EYE_SHARES]
        for row in (topology.upper_row, topology.lower_row)
    )
    left_eye = [inner, *upper, outer, *lower[::-1]]  # 42-47
    right_eye = [mirror(v) for v in (left_eye[3], left_eye[2], left_eye[1], left_eye[0], left_eye[5], left_eye[4])]

    corner = at(topology.mouth_upper, MOUTH_CORNER_X)
    upper_lip = both([near(place) for place in _UPPER_LIP])
    lower_lip = both([near(place) for place in _LOWER_LIP])
    seam = at(topology.mouth_upper, MOUTH_CORNER_X * 0.9)
    upper_seam = both([at(topology.mouth_upper, x) for x in _INNER_LIP_X])
    lower_seam = both([at(topology.mouth_lower, x) for x in _INNER_LIP_X])
    mouth = [mirror(corner), *upper_lip, corner, *lower_lip[::-1], mirror(seam), *upper_seam, seam, *lower_seam[::-1]]
    return np.array([*jaw, *(mirror(v) for v in brow[::-1]), *brow, *nose, *right_eye, *left_eye, *mouth], np.int32)
