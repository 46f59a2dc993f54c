"""Drawing: directions of the head's axes, and that only a copy is drawn on."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.draw import BOX, TINT, draw_faces, head_axes
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.types import Pose
from tests.facesdk.fake_pack import picture


def test_a_head_that_looks_at_the_camera():
    np.testing.assert_allclose(head_axes(Pose(0, 0, 0)), [[1, 0], [0, 1], [0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("pose", "nose"), [(Pose(30, 0, 0), [0.5, 0]), (Pose(-30, 0, 0), [-0.5, 0]), (Pose(0, 30, 0), [0, 0.5])]
)
def test_yaw_goes_right_and_pitch_goes_down(pose: Pose, nose: list[float]):
    np.testing.assert_allclose(head_axes(pose)[2], nose, atol=1e-6)


def test_roll_goes_counter_clockwise():
    right, chin, _ = head_axes(Pose(0, 0, 90))
    np.testing.assert_allclose(right, [0, -1], atol=1e-6)
    np.testing.assert_allclose(chin, [1, 0], atol=1e-6)


def test_the_axes_stay_at_right_angles():
    axes = head_axes(Pose(25, -10, 40))
    # Rows of a rotation, seen from z: what they lose in length is their depth, and the depths are a unit vector too.
    depth = 1 - (axes**2).sum(1)
    assert depth.sum() == pytest.approx(1, abs=1e-5)


def test_boxes_points_and_tints_are_drawn_on_a_copy(analyzer: FaceAnalyzer):
    image = picture((256, 384), [(2, 3), (4, 8)])
    before = image.copy()
    faces = analyzer.analyze(image)
    drawn = draw_faces(image, faces)
    np.testing.assert_array_equal(image, before)
    # The left edge of the first box; its antialiased line keeps a little of what lies below.
    np.testing.assert_allclose(drawn[80, 64], BOX, atol=25)
    # Far from any face the picture is as it was.
    np.testing.assert_array_equal(drawn[:, 340:], before[:, 340:])
    # Inside the first box, on grey: the face's tint over 90.
    assert drawn[40, 90].tolist() == [round(90 + TINT * (c - 90)) for c in (0, 200, 120)]


def test_a_face_beside_the_picture_does_not_fail(analyzer: FaceAnalyzer):
    faces = analyzer.analyze(picture((256, 384), [(2, 3)]))
    small = np.zeros((20, 20, 3), np.uint8)
    assert draw_faces(small, faces).shape == (20, 20, 3)
