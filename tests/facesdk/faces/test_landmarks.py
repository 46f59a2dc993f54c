"""Landmarks: the crop, quarter turns, and the way back into the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError
from facesdk.faces.align import apply_matrix, five_points, invert_matrix
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.landmarks import Landmarker, agreement, landmark_matrix, quarter_turns, tight_matrix, wrap_degrees
from facesdk.types import Face
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


class Answers:
    """Stands in for a session: one answer after the other, each for the whole batch."""

    threads = 2

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.sizes = list(answers), []

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = len(feeds["crop"])
        self.sizes.append(count)
        return {name: np.resize(np.float32(v), (count, *np.shape(v)[1:])) for name, v in self.answers.pop(0).items()}


def answer(points: np.ndarray, roll: float, presence: list[float] | None = None) -> dict[str, Any]:
    told = {} if presence is None else {"presence": np.array(presence)[:, None]}
    return {"points": points[None], "visible": np.ones((1, 68)), "pose": [[0.0, 0.0, roll]], **told}


FACES = [Face(np.array([x, 20.0, x + 60, 80.0], np.float32), 0.9, np.float32([[1, 0], [9, 0], [5, 5], [2, 9], [8, 9]]))
         for x in (10.0, 90.0, 170.0)]  # fmt: skip
IMAGE = np.zeros((100, 240, 3), np.uint8)


@pytest.mark.parametrize("roll", [0.0, 25.0, -140.0])
def test_the_second_crop_is_upright_and_filled(roll: float):
    upright = face_landmarks() * 80
    angle = np.radians(-roll)  # counter-clockwise as seen, where rows point down
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = tight_matrix(upright @ turn.T + [30, -7], roll, 1.25, 128)
    placed = apply_matrix(matrix, upright @ turn.T + [30, -7])
    low, high = placed.min(0), placed.max(0)
    assert (high - low).max() == pytest.approx(128 / 1.25, rel=1e-4)
    np.testing.assert_allclose((low + high) / 2, 64, atol=1e-3)
    # The eyes are level again, and as far apart as the face's own span says.
    across = (upright[45] - upright[36]) / np.ptp(upright, 0).max() * 128 / 1.25
    np.testing.assert_allclose(placed[45] - placed[36], across, atol=1e-3)


def test_the_second_look_is_what_counts():
    first, second = face_landmarks(), face_landmarks()[::-1] * 0.9
    session = Answers(answer(first, 20.0), answer(second, 3.0))
    found = Landmarker(session, 1.5, 128, refine_scale=1.25).locate(IMAGE, FACES)
    assert session.sizes == [3, 3] and not session.answers
    for face, box in zip(found, FACES):
        rough = apply_matrix(invert_matrix(landmark_matrix(box.box, 0, 1.5, 128)), first * 128)
        expected = apply_matrix(invert_matrix(tight_matrix(rough, 20.0, 1.25, 128)), second * 128)
        np.testing.assert_allclose(face.landmarks, expected, atol=1e-2)
        assert face.pose is not None and face.pose.roll_degrees == pytest.approx(23, abs=1e-3)


def steady(points: np.ndarray) -> np.ndarray:
    """What the second look must answer, in its crop, to agree with the first."""
    return apply_matrix(tight_matrix(points * 128, 0.0, 1.25, 128), points * 128) / 128


def test_what_is_no_face_is_dropped_before_the_second_look():
    def session() -> Answers:
        return Answers(answer(first, 0.0, [0.9, 0.2, 0.6]), answer(steady(first), 0.0, [0.9]))

    first = face_landmarks()
    asked = session()
    found = Landmarker(asked, refine_scale=1.25).locate(IMAGE, FACES, min_presence=0.5)
    assert [face.box[0] for face in found] == [10, 170] and asked.sizes == [3, 2]
    assert len(Landmarker(session(), refine_scale=1.25).locate(IMAGE, FACES)) == 3
    assert Landmarker(session(), refine_scale=1.25).locate(IMAGE, FACES, min_presence=0.95) == []


@pytest.mark.parametrize(("shift", "kept"), [(0.0, 3), (0.1, 3), (0.3, 0)])
def test_points_that_jump_between_the_looks_are_no_face(shift: float, kept: int):
    first = face_landmarks()
    # The second crop is 1.25 faces wide.
    moved = steady(first) + np.array([shift / 1.25, 0])
    session = Answers(answer(first, 0.0, [0.9]), answer(moved, 0.0, [0.9]))
    found = Landmarker(session, refine_scale=1.25).locate(IMAGE, FACES, min_presence=0.5)
    assert len(found) == kept


@pytest.mark.parametrize(("side", "expected"), [(20.0, (0.9 + 0.1) / 2), (200.0, 0.1)])
def test_the_first_look_has_a_say_where_the_second_is_a_blur(side: float, expected: float):
    first = face_landmarks()
    box = np.array([20, 20, 20 + side, 20 + side], np.float32)
    session = Answers(answer(first, 0.0, [0.9]), answer(steady(first), 0.0, [0.1]))
    (found,) = Landmarker(session, refine_scale=1.25).locate(
        np.zeros((300, 300, 3), np.uint8), [replace(FACES[0], box=box)]
    )
    assert found.presence == pytest.approx(expected, abs=1e-3)


def test_agreement_is_free_of_size():
    def face(points: np.ndarray) -> Face:
        return Face(np.zeros(4, np.float32), 1.0, np.zeros((5, 2), np.float32), points.astype(np.float32))

    points = np.random.default_rng(0).uniform(0, 10, (68, 2))
    points[0], points[1] = (0, 0), (10, 10)
    assert agreement(face(points), face(points)) == 1.0
    for size in (1, 20):
        off = agreement(face(points * size), face((points + [2.5, 0]) * size))
        assert off == pytest.approx(np.exp(-1), rel=1e-4)


def test_a_pack_that_does_not_tell_presence_keeps_all():
    assert len(Landmarker(Answers(answer(face_landmarks(), 0.0))).locate(IMAGE, FACES, min_presence=0.5)) == 3


def test_broken_points_are_an_error():
    with pytest.raises(BackendError, match="NaN"):
        Landmarker(Answers(answer(np.full((68, 2), np.nan), 0.0))).locate(IMAGE, FACES)
