"""Anchors, ATSS on a hand example, quality focal loss, and the whole detector loss."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses.atss import assign, make_anchors
from train.losses.boxes import box_iou
from train.losses.detection import detection_loss, quality_focal_loss
from train.models.faces.detector import PRESETS, STRIDES, Detector, DetectorOutput


def test_anchors_follow_the_order_of_the_outputs() -> None:
    anchors = make_anchors((32, 64), (8, 16), (16, 64), (1.0, 2.0))
    assert anchors.counts == (4 * 8 * 2, 2 * 4 * 2)
    # cell (row 1, column 3) of stride 8: anchors 2 * (8 + 3) and the next, centre (24, 8), sides 16 and 32
    assert anchors.centres[22].tolist() == anchors.centres[23].tolist() == [24.0, 8.0]
    assert anchors.boxes[22].tolist() == [16.0, 0.0, 32.0, 16.0]
    assert anchors.boxes[23].tolist() == [8.0, -8.0, 40.0, 24.0]


def test_atss_by_hand() -> None:
    # One level, one 16 px anchor per cell of stride 8, face of 16 px centred on the cell (24, 24), three candidates.
    anchors = make_anchors((64, 64), (8,), (16,), (1.0,))
    faces = torch.tensor([[[16.0, 16.0, 32.0, 32.0], [0.0, 0.0, 0.0, 0.0]]])
    assigned = assign(anchors, faces, torch.tensor([1]), top=3)
    # The nearest are the cell itself (IoU 1) and two neighbours (IoU 128 / 384 = 1/3): mean 5/9, deviation .385,
    # threshold .94.
    assert (assigned >= 0).nonzero().tolist() == [[0, 3 * 8 + 3]]


def test_atss_threshold_is_mean_plus_deviation() -> None:
    torch.manual_seed(0)
    anchors = make_anchors((64, 64), STRIDES, (16, 64, 256), (1.0, 2.0))
    faces = torch.tensor([[[10.0, 12.0, 41.0, 50.0]]])
    assigned = assign(anchors, faces, torch.tensor([1]))[0]
    face = faces[0, 0]
    distance = (anchors.centres - (face[:2] + face[2:]) / 2).norm(dim=1)
    candidates, start = [], 0
    for count in anchors.counts:
        order = sorted(range(start, start + count), key=lambda i: distance[i].item())[:9]
        candidates += order
        start += count
    overlaps = torch.stack([box_iou(anchors.boxes[i], face) for i in candidates])
    threshold = overlaps.mean() + overlaps.std()
    positives = (assigned >= 0).nonzero()[:, 0].tolist()
    assert positives
    for i in positives:
        x, y = anchors.centres[i].tolist()
        assert box_iou(anchors.boxes[i], face) >= threshold and 10 < x < 41 and 12 < y < 50


def test_contested_anchor_goes_to_the_larger_overlap_and_padding_gets_none() -> None:
    anchors = make_anchors((64, 64), (8,), (16,), (1.0,))
    faces = torch.tensor([[[17.0, 17.0, 33.0, 33.0], [16.0, 16.0, 32.0, 32.0], [40.0, 40.0, 56.0, 56.0]]])
    assigned = assign(anchors, faces, torch.tensor([2]), top=3)[0]
    assert assigned[3 * 8 + 3] == 1
    assert 2 not in assigned.tolist()
    assert (assign(anchors, faces, torch.tensor([0])) == -1).all()


def test_quality_focal_by_hand() -> None:
    logit, quality = torch.tensor([0.0, 2.0]), torch.tensor([0.8, 0.0])
    sigma = 1 / (1 + math.exp(-2))
    assert quality_focal_loss(logit, quality)[0].item() == pytest.approx(0.3**2 * math.log(2), rel=1e-5)
    assert quality_focal_loss(logit, quality)[1].item() == pytest.approx(sigma**2 * -math.log(1 - sigma), rel=1e-5)
    assert quality_focal_loss(torch.tensor(math.log(4.0)), torch.tensor(0.8)).item() == pytest.approx(0.0, abs=1e-6)


def test_a_perfect_detector_pays_nothing() -> None:
    config, size = PRESETS["tiny"], (64, 64)
    anchors = make_anchors(size, STRIDES, config.anchor_base, config.anchor_scales)
    faces, points = torch.tensor([[[10.0, 12.0, 41.0, 50.0]]]), torch.rand(1, 1, 5, 2) * 30 + 10
    assigned = assign(anchors, faces, torch.tensor([1]))
    step = anchors.strides[:, None]
    sides = torch.cat([anchors.centres - faces[0, 0, :2], faces[0, 0, 2:] - anchors.centres], 1) / step
    offsets = ((points[0, 0] - anchors.centres[:, None]) / step[..., None]).flatten(1)
    score = torch.where(assigned[0] >= 0, 30.0, -30.0)[:, None]
    output = DetectorOutput(
        *(part[None] for values in (score, sides, offsets) for part in values.split(anchors.counts))
    )
    losses = detection_loss(output, faces, points, torch.tensor([1]), config, size)
    assert all(value.item() < 1e-5 for value in losses.values())
    # any of the three, spoilt, costs
    for index, name in ((0, "score"), (3, "box"), (6, "points")):
        spoilt = list(output)
        for level in range(3):
            spoilt[index + level] = spoilt[index + level] * 0.05
        assert (
            detection_loss(DetectorOutput(*spoilt), faces, points, torch.tensor([1]), config, size)[name].item() > 1e-3
        )


def test_no_faces_is_finite_and_pushes_scores_down() -> None:
    torch.manual_seed(0)
    detector = Detector(PRESETS["tiny"]).train()
    output = detector(torch.randn(2, 3, 64, 64))
    losses = detection_loss(
        output,
        torch.zeros(2, 3, 4),
        torch.zeros(2, 3, 5, 2),
        torch.zeros(2, dtype=torch.int64),
        PRESETS["tiny"],
        (64, 64),
    )
    assert losses["box"].item() == losses["points"].item() == 0
    sum(losses.values()).backward()
    assert detector.score.bias.grad.sum() > 0
