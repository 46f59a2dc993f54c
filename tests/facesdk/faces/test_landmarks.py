"""Landmarks: the crop, quarter turns, and the way back into the picture."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.faces.align import apply_matrix, five_points
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.landmarks import landmark_matrix, quarter_turns, wrap_degrees
from tests.facesdk.fake_pack import POSE, box_of, face_landmarks, picture, points_of


def test_the_crop_is_a_square_around_the_box():
    matrix = landmark_matrix(np.array([10.0, 20, 50, 100]), 0, 1.5, 128)
    # Side 120 about (30, 60).
    np.testing.assert_allclose(apply_matrix(matrix, np.array([[-30.0, 0], [90, 120]])), [[0, 0], [128, 128]], atol=1e-4)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_crop_turns_an_eye_line_upright(turns: int):
    angle = np.radians(90 * turns + 20)
    eyes = np.array([[50.0, 50.0], [50.0 + 10 * np.cos(angle), 50.0 + 10 * np.sin(angle)], [0, 0], [0, 0], [0, 0]])
    assert quarter_turns(eyes) == turns
    inside = apply_matrix(landmark_matrix(np.array([0.0, 0, 100, 100]), turns, 1.0, 100), eyes[:2])
    assert np.degrees(np.arctan2(*(inside[1] - inside[0])[::-1])) == pytest.approx(20, abs=1e-3)


def test_points_come_back_into_the_picture(analyzer: FaceAnalyzer):
    image = picture((256, 384), [(2, 3)])
    face = analyzer.landmarker.locate(image, analyzer.detector.detect(image))[0]
    assert face.landmarks is not None and face.pose is not None and face.visible is not None
    np.testing.assert_allclose(face.landmarks, box_of(2, 3)[:2] + face_landmarks() * 96, atol=1e-2)
    np.testing.assert_allclose(five_points(face.landmarks), points_of(2, 3), atol=1e-2)
    assert (face.pose.yaw_degrees, face.pose.pitch_degrees, face.pose.roll_degrees) == POSE
    assert face.visible.shape == (68,)


def test_a_face_on_its_side_is_cut_upright(analyzer: FaceAnalyzer):
    image = np.ascontiguousarray(np.rot90(picture((256, 384), [(3, 5)]), 3))
    face = analyzer.analyze(image)[0]
    assert face.landmarks is not None and face.pose is not None
    upright = box_of(3, 5)[:2] + face_landmarks() * 96
    # A quarter turn clockwise of a picture that was 256 high: (x, y) goes to (256 - y, x).
    np.testing.assert_allclose(face.landmarks, np.stack([256 - upright[:, 1], upright[:, 0]], 1), atol=1e-2)
    assert face.pose.roll_degrees == pytest.approx(POSE[2] - 90)


def test_angles_wrap():
    assert [wrap_degrees(angle) for angle in (190, -181, 180, 0)] == [-170, 179, -180, 0]
