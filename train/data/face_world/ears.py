"""Which vertices of a head are ears: hair does not grow there, and hats and hair do not collide with them."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from train.data.face_world.canon import canonical_positions
from train.data.face_world.types import F32, HeadModel, Material

_SIDE_X, _SIDE_SLOPE = 1.255, 0.19  # |x| of the side of a head at eye height, and how it widens upwards


@cache
def ear_vertices(head: HeadModel) -> F32:
    """Membership of each vertex of a head in an ear.

    Args:
        head: a head whose ears are pieces of their own, or grow out of the skin.

    Returns:
        (V,) float32, 1 on ears.
    """
    mesh = head.mesh
    triangles = mesh.triangles[mesh.material == Material.SKIN]
    canonical = canonical_positions(head, mesh.vertices)
    count = len(mesh.vertices)
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    links = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (count, count))
    _, piece = connected_components(links, directed=False)
    used = np.unique(triangles)
    body = np.bincount(piece[used]).argmax()
    apart = np.zeros(count, bool)
    apart[used] = piece[used] != body
    x, y, z = np.abs(canonical[:, 0]), canonical[:, 1], canonical[:, 2]
    if apart.any():
        return (apart & (x > 0.8)).astype(np.float32)
    beside = (y > -0.95) & (y < 0.10) & (z > -1.95) & (z < -0.88)
    shell = x > _SIDE_X + _SIDE_SLOPE * y
    concha = (x > 1.0) & (y > -0.75) & (y < -0.08) & (z > -1.35) & (z < -0.98)
    return (beside & (shell | concha)).astype(np.float32)
