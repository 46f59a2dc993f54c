"""IoU and distance-IoU by hand."""

from __future__ import annotations

import pytest
import torch

from train.losses.boxes import box_iou, diou_loss


def test_values_by_hand() -> None:
    first, second = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 1.0, 3.0, 3.0])
    assert box_iou(first, second).item() == pytest.approx(1 / 7)
    # centres sqrt(2) apart, hull 3 x 3: 2 / 18
    assert diou_loss(first, second).item() == pytest.approx(1 - 1 / 7 + 2 / 18)


def test_equal_boxes_cost_nothing_and_far_ones_keep_a_slope() -> None:
    box = torch.tensor([0.0, 0.0, 4.0, 2.0])
    assert diou_loss(box, box).item() == pytest.approx(0.0)
    far = torch.tensor([10.0, 0.0, 12.0, 2.0], requires_grad=True)
    diou_loss(far, box).backward()
    assert far.grad[0] + far.grad[2] > 0  # moving right, further away, costs more although the overlap stays 0


def test_overlap_is_symmetric_and_broadcasts() -> None:
    torch.manual_seed(0)
    corner = torch.rand(5, 2) * 4
    boxes = torch.cat([corner, corner + torch.rand(5, 2) + 0.1], 1)
    table = box_iou(boxes[:, None], boxes[None])
    assert torch.allclose(table, table.T) and torch.allclose(table.diag(), torch.ones(5))
