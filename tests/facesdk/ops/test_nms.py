"""Non-maximum suppression against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import BackendError, InputError
from facesdk.ops.nms import nms


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_hand_made_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 5]], np.float32)
    scores = np.array([0.8, 0.9, 0.5, 0.7], np.float32)
    # Overlaps with box 1: 81/119 = 0.68, 0, 36/114 = 0.316. With box 0 box 3 would be at 0.5, but box 0 is gone.
    assert nms(boxes, scores, 0.4).tolist() == [1, 3, 2]
    assert nms(boxes, scores, 0.3).tolist() == [1, 2]
    assert nms(boxes, scores, 0.7).tolist() == [1, 0, 3, 2]


def test_the_definition_holds_on_random_boxes() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 30, (200, 2))], 1).astype(np.float32)
    scores = rng.random(200).astype(np.float32)
    keep = nms(boxes, scores, 0.4)
    assert (np.diff(scores[keep]) <= 0).all() and 5 < len(keep) < 200
    for position, index in enumerate(keep):
        assert all(iou(boxes[index], boxes[other]) <= 0.4 + 1e-6 for other in keep[:position])
    for index in set(range(200)) - set(keep.tolist()):
        assert any(scores[k] >= scores[index] and iou(boxes[index], boxes[k]) > 0.4 for k in keep)


def test_edges() -> None:
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).tolist() == []
    same = np.array([[0, 0, 4, 4]] * 3, np.float32)
    assert nms(same, np.array([0.5, 0.5, 0.5], np.float32)).tolist() == [0]
    flat = np.array([[1, 1, 1, 1], [1, 1, 1, 1]], np.float32)
    assert nms(flat, np.array([0.5, 0.6], np.float32)).tolist() == [1, 0]


def test_wrong_use() -> None:
    with pytest.raises(InputError, match=r"got \(3, 5\)"):
        nms(np.zeros((3, 5), np.float32), np.zeros(3, np.float32))
    with pytest.raises(InputError, match="iou=1.5"):
        nms(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), 1.5)
    with pytest.raises(BackendError, match="no implementation 'cuda'; there is: numpy, native"):
        nms(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), impl="cuda")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(8))
def test_native_keeps_the_same_boxes(seed: int, module: object) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 90))
    corner = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(-3, 30, (count, 2))], 1).astype(np.float32)
    # Equal scores, boxes turned inside out, boxes of no area, boxes that are not numbers.
    scores = rng.integers(0, 5, count).astype(np.float32)
    boxes[3:4], boxes[4:5] = np.nan, 0
    scores[6:7] = np.nan
    for threshold in (0.0, 0.3, 1.0):
        want = nms(boxes, scores, threshold, impl="numpy")
        np.testing.assert_array_equal(nms(boxes, scores, threshold, impl="native"), want)
