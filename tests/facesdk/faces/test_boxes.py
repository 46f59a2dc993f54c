"""Boxes of points: the forehead is in them, a half seen face is whole, and one face is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.faces.align import apply_matrix, five_points
from facesdk.faces.boxes import FOREHEAD, boxes_from_landmarks, face_box
from facesdk.types import Face

ANGLE = np.linspace(0, 2 * np.pi, 68, endpoint=False)
MARKS = np.stack([100 + 30 * np.cos(ANGLE), 100 + 40 * np.sin(ANGLE)], 1).astype(np.float32)
MARKS[8], MARKS[17:27] = (100, 140), (100, 70)


def _face(box: tuple[float, ...], presence: float | None = 0.9, shift: float = 0.0) -> Face:
    marks = MARKS + np.float32(shift)
    return Face(np.array(box, np.float32), 0.8, five_points(marks), marks, presence=presence)


def test_a_face_box_is_the_hull_with_a_forehead() -> None:
    # The brows lie 70 px above the chin.
    np.testing.assert_allclose(face_box(MARKS), [70, 70 - FOREHEAD * 70, 130, 140], atol=0.1)


def test_the_forehead_is_where_the_head_leans() -> None:
    quarter = np.array([[0, -1, 200], [1, 0, 0]], np.float32)  # clockwise: up points right
    upright, turned = face_box(MARKS), face_box(apply_matrix(quarter, MARKS))
    np.testing.assert_allclose(turned, [200 - upright[3], upright[0], 200 - upright[1], upright[2]], atol=1e-3)


def test_a_half_seen_face_gets_the_box_of_the_whole() -> None:
    (face,) = boxes_from_landmarks([_face((70, 50, 100, 140))], [1.0], 0.4)
    np.testing.assert_array_equal(face.box, face_box(MARKS))
    assert face.score == pytest.approx(0.8)


def test_two_boxes_of_one_face_are_one_and_the_surer_stays() -> None:
    left, right = _face((70, 50, 100, 140)), replace(_face((100, 50, 130, 140), shift=2.0), score=0.7)
    far = _face((270, 250, 330, 340), shift=200.0)
    kept = boxes_from_landmarks([left, far, right], [0.5, 0.1, 0.6], 0.4)
    assert [face.score for face in kept] == [pytest.approx(0.8), pytest.approx(0.7)]
    np.testing.assert_array_equal(kept[0].box, face_box(MARKS + 200))
    assert boxes_from_landmarks([], [], 0.4) == []


def test_points_that_nobody_vouches_for_move_no_box() -> None:
    (face,) = boxes_from_landmarks([_face((70, 50, 100, 140), presence=None)], [1.0], 0.4)
    np.testing.assert_array_equal(face.box, np.float32([70, 50, 100, 140]))
