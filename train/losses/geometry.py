"""Losses on points and rotations."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def wing(predicted: Tensor, truth: Tensor, weight: Tensor, width: float = 0.04, curvature: float = 0.01) -> Tensor:
    """Wing loss: logarithmic near zero, linear far away.

    Args:
        predicted: (B, P, 2), share of the crop.
        truth: (B, P, 2).
        weight: (B, P).
        width: where the linear part begins.
        curvature: of the logarithm.

    Returns:
        Weighted mean, scalar.

    Source: Feng et al. 2018, eq. 5 (arXiv:1711.06753).
    """
    error = (predicted - truth).abs()
    offset = width - width * math.log1p(width / curvature)
    value = torch.where(error < width, width * torch.log1p(error / curvature), error - offset)
    return (value.mean(-1) * weight).sum() / weight.sum().clamp_min(1e-6)


def heat_map_loss(probability: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of heat maps against points, each spread bilinearly over its four nearest cells.

    Args:
        probability: (B, P, n * n), rows of a square map, each map's sum is 1.
        points: (B, P, 2) x, y, share of the map; those outside it are left out.
        weight: (B, P).

    Returns:
        Weighted mean, scalar.
    """
    side = round(probability.shape[-1] ** 0.5)
    inside = ((points > 0) & (points < 1)).all(-1)
    place = (points * side - 0.5).clamp(0, side - 1 - 1e-4)
    low = place.floor().long()
    part = place - low
    cells, shares = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            cells.append((low[..., 1] + dy) * side + low[..., 0] + dx)
            shares.append((part[..., 0] if dx else 1 - part[..., 0]) * (part[..., 1] if dy else 1 - part[..., 1]))
    # The logarithm of four cells only: the maps are large, and their softmax is needed anyway.
    chosen = probability.float().gather(-1, torch.stack(cells, -1)).clamp_min(1e-30).log()
    value = -(torch.stack(shares, -1) * chosen).sum(-1)
    weight = weight * inside
    return (value * weight).sum() / weight.sum().clamp_min(1e-6)


def relative_error(found: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """RMS distance of each face's points, as a share of how far its true points spread; mean over the faces.

    Args:
        found: (B, P, 2).
        truth: (B, P, 2).
        weight: (B, P).

    Returns:
        Scalar >= 0.
    """
    square = ((found - truth).square().sum(-1) * weight).sum(-1) / weight.sum(-1).clamp_min(1e-6)
    # The spread stays large where a head is turned and the eyes' distance goes to zero.
    spread = (truth - truth.mean(1, keepdim=True)).square().sum(-1).mean(-1)
    return (square / spread.clamp_min(1e-6) + 1e-6).sqrt().mean()


def rotation_degrees(first: Tensor, second: Tensor) -> Tensor:
    """Angle between rotation matrices, (..., 3, 3) each, in degrees.

    From the chord |A - B|_F = 2 sqrt(2) sin(angle / 2), whose slope is finite everywhere but at equality.
    """
    chord = ((first - second) ** 2).sum((-1, -2)).clamp_min(1e-12).sqrt()
    return torch.rad2deg(2 * torch.asin((chord / (2 * math.sqrt(2))).clamp(max=1 - 1e-6)))
