"""Overlap of boxes."""

from __future__ import annotations

import torch
from torch import Tensor


def box_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union, elementwise with broadcasting.

    Args:
        first: (..., 4) x0, y0, x1, y1.
        second: (..., 4).

    Returns:
        (...) in [0, 1].
    """
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (high - low).clamp_min(0).prod(-1)
    area = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(-1)
    return overlap / (area - overlap).clamp_min(1e-9)


def diou_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Distance-IoU loss, not reduced.

    Args:
        predicted: (..., 4) x0, y0, x1, y1.
        truth: (..., 4).

    Returns:
        (...) in [0, 2): 1 - IoU + (distance of the centres / diagonal of the smallest box around both)^2.

    Source: Zheng et al. 2020, eq. 7 (arXiv:1911.08287).
    """
    centre = (predicted[..., :2] + predicted[..., 2:] - truth[..., :2] - truth[..., 2:]) / 2
    hull = torch.maximum(predicted[..., 2:], truth[..., 2:]) - torch.minimum(predicted[..., :2], truth[..., :2])
    return 1 - box_iou(predicted, truth) + centre.square().sum(-1) / hull.square().sum(-1).clamp_min(1e-9)
