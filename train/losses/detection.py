"""Losses of the face detector."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from train.losses.atss import Anchors, assign, make_anchors
from train.losses.boxes import box_iou, diou_loss
from train.models.faces.detector import STRIDES, DetectorConfig, DetectorOutput

# Weights and betas of SCRFD: deepinsight/insightface detection/scrfd/configs/scrfd/scrfd_500m_bnkps.py.
SCORE_WEIGHT, BOX_WEIGHT, POINTS_WEIGHT = 1.0, 2.0, 0.1
QUALITY_BETA, POINTS_BETA, TOP = 2.0, 1.0 / 9.0, 9


@lru_cache(maxsize=16)
def _anchors(
    size_hw: tuple[int, int], base: tuple[int, ...], scales: tuple[float, ...], device: torch.device
) -> Anchors:
    made = make_anchors(size_hw, STRIDES, base, scales)
    return Anchors(made.centres.to(device), made.boxes.to(device), made.strides.to(device), made.counts)


def quality_focal_loss(logit: Tensor, quality: Tensor, beta: float = QUALITY_BETA) -> Tensor:
    """Cross entropy to a soft label, scaled by the distance to it; not reduced.

    Args:
        logit: (...) score.
        quality: (...) in [0, 1], 0 for the background.
        beta: exponent of the distance.

    Returns:
        (...) >= 0: |quality - sigma|^beta * CE(sigma, quality).

    Source: Li et al. 2020, eq. 2 (arXiv:2006.04388).
    """
    return (quality - logit.sigmoid()).abs().pow(beta) * F.binary_cross_entropy_with_logits(
        logit, quality, reduction="none"
    )


def detection_loss(
    output: DetectorOutput,
    boxes: Tensor,
    points: Tensor,
    count: Tensor,
    config: DetectorConfig,
    size_hw: tuple[int, int],
) -> dict[str, Tensor]:
    """Weighted losses by name.

    Args:
        output: of the detector in training mode (scores are logits).
        boxes: (B, M, 4) x0, y0, x1, y1 pixels, padded to the largest number of faces.
        points: (B, M, 5, 2) pixels.
        count: (B,) number of faces per picture.
        config: of the detector: anchors.
        size_hw: of the pictures.

    Returns:
        "score" (quality focal), "box" (DIoU), "points" (smooth L1), each over the number of positives.

    Source: specification E (SCRFD: QFL beta 2, DIoU weight 2, smooth L1 beta 1/9 weight 0.1, ATSS top 9).
    """
    anchors = _anchors((int(size_hw[0]), int(size_hw[1])), config.anchor_base, config.anchor_scales, boxes.device)
    score = torch.cat(output[0:3], 1)[..., 0].float()
    sides = torch.cat(output[3:6], 1).float()
    offsets = torch.cat(output[6:9], 1).float()
    with torch.no_grad():
        face = assign(anchors, boxes, count, TOP)
    row, anchor = (face >= 0).nonzero(as_tuple=True)
    which = face[row, anchor]
    centre, stride = anchors.centres[anchor], anchors.strides[anchor][:, None]
    reach = sides[row, anchor] * stride
    predicted = torch.cat([centre - reach[:, :2], centre + reach[:, 2:]], 1)
    truth = boxes[row, which]
    quality = torch.zeros_like(score)
    quality[row, anchor] = box_iou(predicted.detach(), truth)
    positives = max(len(row), 1)
    wanted = ((points[row, which] - centre[:, None]) / stride[:, None]).flatten(1)
    return {
        "score": SCORE_WEIGHT * quality_focal_loss(score, quality).sum() / positives,
        "box": BOX_WEIGHT * diou_loss(predicted, truth).sum() / positives,
        "points": POINTS_WEIGHT
        * F.smooth_l1_loss(offsets[row, anchor], wanted, beta=POINTS_BETA, reduction="sum")
        / positives,
    }
