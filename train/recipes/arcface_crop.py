"""The recogniser's crop, cut differentiably out of an aligned one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from facesdk.faces.align import TEMPLATES, similarity


def arcface_crop(images: Tensor, size: int = 112) -> Tensor:
    """The recogniser's crop out of an aligned one: both templates are fixed, so one affine sampling serves all.

    Args:
        images: (B, 3, S, S), template "canon".
        size: side of the crop.

    Returns:
        (B, 3, size, size), template "arcface", differentiable.
    """
    matrix = similarity(TEMPLATES["arcface"] * 2 - 1, TEMPLATES["canon"] * 2 - 1)
    theta = torch.from_numpy(matrix).to(images.device).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
