"""Adaptive training sample selection: which anchors a face is taught to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.losses.boxes import box_iou


@dataclass(frozen=True)
class Anchors:
    """Anchors of all levels, in the order of the detector's outputs.

    Attributes:
        centres: (A, 2) x, y pixels.
        boxes: (A, 4) x0, y0, x1, y1 pixels.
        strides: (A,) pixels.
        counts: anchors per level.
    """

    centres: Tensor
    boxes: Tensor
    strides: Tensor
    counts: tuple[int, ...]


def make_anchors(
    size_hw: tuple[int, int], strides: Sequence[int], base: Sequence[int], scales: Sequence[float]
) -> Anchors:
    """Square anchors at every cell's corner point (column * stride, row * stride).

    Args:
        size_hw: of the picture, pixels, multiples of the largest stride.
        strides: per level.
        base: side of the smallest anchor per level.
        scales: multipliers of the side, the anchors of one cell.
    """
    centres, halves, steps, counts = [], [], [], []
    for stride, side in zip(strides, base, strict=True):
        rows = torch.arange(size_hw[0] // stride, dtype=torch.float32) * stride
        columns = torch.arange(size_hw[1] // stride, dtype=torch.float32) * stride
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centre = torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, len(scales), 2).reshape(-1, 2)
        half = (torch.tensor(scales, dtype=torch.float32) * side / 2).repeat(len(centre) // len(scales))
        centres.append(centre)
        halves.append(half)
        steps.append(torch.full((len(centre),), float(stride)))
        counts.append(len(centre))
    centre, half = torch.cat(centres), torch.cat(halves)[:, None]
    return Anchors(centre, torch.cat([centre - half, centre + half], 1), torch.cat(steps), tuple(counts))


def assign(anchors: Anchors, boxes: Tensor, count: Tensor, top: int = 9) -> Tensor:
    """Face of each anchor.

    A face's candidates are the `top` anchors nearest to its centre on every level; its positives those whose overlap
    reaches the mean plus the standard deviation of the candidates' overlaps and whose centre lies inside the face. An
    anchor of two faces goes to the one that it overlaps more.

    Args:
        anchors: of the picture size.
        boxes: (B, M, 4) pixels, padded.
        count: (B,) number of faces per picture.
        top: candidates per level.

    Returns:
        (B, A) int64, index of the face or -1.

    Source: Zhang et al. 2020, algorithm 1 (arXiv:1912.02424).
    """
    batch, most = boxes.shape[:2]
    total = len(anchors.centres)
    if most == 0:
        return torch.full((batch, total), -1, dtype=torch.int64, device=boxes.device)
    valid = torch.arange(most, device=boxes.device)[None] < count[:, None]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    distance = (middle[:, :, None] - anchors.centres).square().sum(-1)
    chosen, start = [], 0
    for number in anchors.counts:
        level = distance[..., start : start + number]
        chosen.append(level.topk(min(top, number), dim=-1, largest=False).indices + start)
        start += number
    candidate = torch.cat(chosen, -1)
    overlap = box_iou(anchors.boxes, boxes[:, :, None])
    of_candidates = overlap.gather(-1, candidate)
    threshold = of_candidates.mean(-1, keepdim=True) + of_candidates.std(-1, keepdim=True)
    inside = ((anchors.centres > boxes[:, :, None, :2]) & (anchors.centres < boxes[:, :, None, 2:])).all(-1)
    positive = (of_candidates >= threshold) & inside.gather(-1, candidate) & valid[..., None]
    # -1 where an anchor is no positive of this face, its overlap where it is.
    claim = torch.full_like(overlap, -1.0).scatter(
        -1, candidate, of_candidates.where(positive, torch.full_like(of_candidates, -1.0))
    )
    best, face = claim.max(1)
    return face.where(best >= 0, torch.full_like(face, -1))
