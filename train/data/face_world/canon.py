"""The canonical frame: each head's mean, stretched axis by axis so that its landmarks lie at fixed levels."""

from __future__ import annotations

import numpy as np

from train.data.face_world.types import F32, HeadModel, Material

# canonical levels: (landmarks averaged, level); the faces of 100 scans have theirs near these
_Y_LEVELS = (((8,), -1.76), ((62, 66), -1.09), ((33,), -0.74), ((17, 18, 19, 20, 21, 22, 23, 24, 25, 26), 0.39))
_CROWN_Y = 1.77
_X_LEVELS = (0.5, 1.18)  # eye centres, widest point of the face contour (landmarks 0 and 16)
_Z_LEVELS = (((0, 16), -0.69), ((36, 39, 42, 45), 0.145), ((30,), 0.81))


def canonical_positions(head: HeadModel, points: F32) -> F32:
    """Stretch mean-head points so that the head's landmarks come to the canonical levels.

    Args:
        head: whose mean the points belong to.
        points: (..., 3) float32.

    Returns:
        (..., 3) float32.
    """
    mesh = head.mesh
    landmarks = mesh.vertices[mesh.landmarks]
    skin = mesh.vertices[np.unique(mesh.triangles[mesh.material == Material.SKIN])]
    own_y = [landmarks[list(which), 1].mean() for which, _ in _Y_LEVELS]
    own_y = [*own_y[:3], 0.0, own_y[3], skin[:, 1].max()]
    levels_y = [*(level for _, level in _Y_LEVELS[:3]), 0.0, _Y_LEVELS[3][1], _CROWN_Y]
    half_width = 0.5 * (landmarks[16, 0] - landmarks[0, 0])
    own_z = [landmarks[list(which), 2].mean() for which, _ in _Z_LEVELS]
    out = np.empty_like(points, dtype=np.float32)
    out[..., 0] = _stretch(np.abs(points[..., 0]), [0.0, 0.5, half_width], [0.0, *_X_LEVELS])
    out[..., 0] *= np.sign(points[..., 0])
    out[..., 1] = _stretch(points[..., 1], own_y, levels_y)
    out[..., 2] = _stretch(points[..., 2], own_z, [level for _, level in _Z_LEVELS])
    return out


def _stretch(values: F32, own: list[float], levels: list[float]) -> F32:
    """Piecewise linear, shifted (slope 1) beyond the ends."""
    low, high = np.minimum(values - own[0], 0.0), np.maximum(values - own[-1], 0.0)
    return (np.interp(values, own, levels) + low + high).astype(np.float32)
