"""The crops that frozen networks take, cut differentiably out of an aligned picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from facesdk.faces.align import TEMPLATES, similarity
from train.models.faces.landmarks import REFINE_SCALE


def arcface_crop(images: Tensor, size: int = 112) -> Tensor:
    """The recogniser's crop out of an aligned one: both templates are fixed, so one affine sampling serves all.

    Args:
        images: (B, 3, S, S), template "canon".
        size: side of the crop.

    Returns:
        (B, 3, size, size), template "arcface", differentiable.
    """
    matrix = similarity(TEMPLATES["arcface"] * 2 - 1, TEMPLATES["canon"] * 2 - 1)
    return _sample(images, torch.from_numpy(matrix).to(images.device).expand(len(images), 2, 3), size)


def landmark_crop(images: Tensor, landmarks: Tensor, size: int = 128) -> Tensor:
    """The landmark net's second look at faces that stand upright already.

    Args:
        images: (B, 3, S, S).
        landmarks: (B, 68, 2) where the faces are, pixels.
        size: side of the crop.

    Returns:
        (B, 3, size, size), REFINE_SCALE times as wide as the landmarks span, differentiable in the images.
    """
    low, high = landmarks.float().amin(1), landmarks.float().amax(1)
    # From crop to picture, both in [-1, 1].
    zoom = REFINE_SCALE * (high - low).amax(1) / images.shape[-1]
    middle = (low + high) / images.shape[-1] - 1
    theta = torch.zeros(len(images), 2, 3, device=images.device)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = zoom, zoom, middle
    return _sample(images, theta, size)


def _sample(images: Tensor, theta: Tensor, size: int) -> Tensor:
    grid = F.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
