"""Landmark alignment: the result keeps the target's expression and pose."""

from __future__ import annotations

import torch
from torch import Tensor

# AFLW's 19 points out of iBUG's 68; a tuple of several is their mean.
_NINETEEN: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,),  # brows
    (36,), (37, 38, 40, 41), (39,), (42,), (43, 44, 46, 47), (45,),  # eyes: corner, centre, corner
    (31,), (30,), (35,),  # nose
    (48,), (62, 66), (54,),  # mouth
    (8,),  # chin
)  # fmt: skip


def nineteen_points(points: Tensor) -> Tensor:
    """The seed's 19 landmarks from 68.

    Args:
        points: (B, 68, 2), iBUG order.

    Returns:
        (B, 19, 2): 6 of the brows, 6 of the eyes, 3 of the nose, 3 of the mouth, the chin.

    Source: AFLW's protocol, as in HRNet-Facial-Landmark-Detection; specification A6.
    """
    return torch.stack([points[:, list(members)].mean(1) for members in _NINETEEN], dim=1)


def landmark_loss(result: Tensor, target: Tensor) -> Tensor:
    """Half the squared distance of two sets of landmarks, mean over the batch.

    Args:
        result: (B, P, 2), F_lm of the swapped picture, share of the crop.
        target: (B, P, 2), F_lm of the target, share of the crop.

    Returns:
        Scalar >= 0.

    Source: seed 000, eq. 11; the weight of 100 presumes coordinates in [0, 1]: specification A6.
    """
    return 0.5 * (result.float() - target.float()).square().sum((1, 2)).mean()
