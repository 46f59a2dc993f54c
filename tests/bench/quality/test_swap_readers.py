from __future__ import annotations

import numpy as np
import pytest

from bench.quality.judge import JUDGE
from bench.quality.swap_readers import expression_error, load_readers, pose_error_degrees
from train.data.attributes import INDEX, VOCABULARY


def test_pose_error_is_the_length_of_the_difference_and_wraps() -> None:
    found = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 179.0]])
    assert pose_error_degrees(found, np.array([[0.0, 0, 0], [0, 0, -179]])).tolist() == pytest.approx([5, 2])


def test_expression_is_read_off_the_middle() -> None:
    asked = []

    def classify(pictures: np.ndarray) -> np.ndarray:
        asked.append(pictures.shape)
        out = np.zeros((len(pictures), len(VOCABULARY.names)), np.float32)
        out[:, INDEX["smile"]] = pictures[:, 0, 0, 0] / 255
        out[:, INDEX["yaw"]] = 40  # is no expression
        return out

    dark, smiling = np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8)
    smiling[0, 2:6, 2:6] = 255
    assert expression_error(classify, smiling, dark, 4).tolist() == pytest.approx([0.5, 0])
    assert asked == [(2, 4, 4, 3)] * 2


def test_the_repository_has_its_readers() -> None:
    readers = load_readers(JUDGE)
    assert readers.shape is not None and readers.shape.held_out > 0.3 and readers.classify is not None
