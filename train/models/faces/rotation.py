"""Head rotation as a 6-D vector, a matrix and three angles."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def rotation_from_6d(vector: Tensor) -> Tensor:
    """Gram-Schmidt of two columns.

    Args:
        vector: (..., 6) float, the first two columns of the matrix, not yet orthonormal.

    Returns:
        (..., 3, 3) rotation matrix.

    Source: Zhou et al. 2019, eq. 15 (arXiv:1812.07035).
    """
    first = F.normalize(vector[..., :3], dim=-1, eps=1e-6)
    second = vector[..., 3:]
    second = F.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1, eps=1e-6)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-1)


def rotation_from_degrees(pose: Tensor) -> Tensor:
    """Rotation matrix R = R_z(roll) R_x(pitch) R_y(yaw).

    Args:
        pose: (..., 3) degrees: yaw (+ to the picture's right), pitch (+ down), roll (+ counter-clockwise in the
            picture).

    Returns:
        (..., 3, 3), acts on column vectors; x right, y up, z to the viewer.
    """
    yaw, pitch, roll = torch.deg2rad(pose).unbind(-1)
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    # The product written out: one small tensor instead of three and two matrix products.
    rows = [
        cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy,
        sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy,
        -cp * sy, sp, cp * cy,
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def degrees_from_rotation(matrix: Tensor) -> Tensor:
    """Inverse of `rotation_from_degrees` for |pitch| < 90 degrees; (..., 3, 3) to (..., 3)."""
    # Kept away from +-1: the slope of asin has a pole there.
    pitch = torch.asin(matrix[..., 2, 1].clamp(-0.999999, 0.999999))
    yaw = torch.atan2(-matrix[..., 2, 0], matrix[..., 2, 2])
    roll = torch.atan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    return torch.rad2deg(torch.stack([yaw, pitch, roll], dim=-1))
