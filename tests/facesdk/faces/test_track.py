"""Tracks over scenes whose truth is known: numbers that stay, gentle ends, and a state that can be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from facesdk.faces.align import five_points
from facesdk.faces.assignment import best_pairs, overlaps
from facesdk.faces.search_plan import SearchPlan
from facesdk.faces.track import TrackedFace, Tracker, TrackSettings
from facesdk.faces.track_state import pack_tracker, unpack_tracker
from facesdk.types import U8, Face, Pose
from tests.facesdk.fake_pack import face_landmarks

FPS = 30.0
SIZE_HW = (360, 640)


@dataclass
class Person:
    """Someone in the scene: centre x, y in pixels by frame, or None when not in sight; and who it is."""

    where: Callable[[int], tuple[float, float] | None]
    who: int
    side: float = 100.0


class Scene:
    """Stands in for an analyzer: it knows the truth of every frame."""

    def __init__(self, people: list[Person], noise_px: float = 0.0) -> None:
        self.people, self.frame, self.detections = people, 0, 0
        self._rng, self._noise = np.random.default_rng(0), noise_px
        self.detector = self.landmarker = self.recogniser = self

    def plan(self, image: U8, min_face: float | None = None) -> SearchPlan:
        return SearchPlan.of(SIZE_HW, min_face=min_face)

    def detect(self, image: U8, plan: SearchPlan, retry: bool) -> list[Face]:
        self.detections += 1
        return [self._face(person, at) for person, at in self._visible()]

    def locate(self, image: U8, faces: list[Face], min_presence: float = 0.0) -> list[Face]:
        return [self._nearest(face) for face in faces]

    def recognise(self, image: U8, faces: list[Face]) -> list[Face]:
        out = []
        for face in faces:
            assert face.landmarks is not None
            centre = face.landmarks.mean(0)
            person = min(self._visible(), key=lambda pair: float(np.hypot(*(centre - pair[1]))))[0]
            embedding = np.zeros(512, np.float32)
            embedding[person.who] = 1.0
            out.append(replace(face, embedding=embedding))
        return out

    def _visible(self) -> list[tuple[Person, tuple[float, float]]]:
        return [(person, at) for person in self.people if (at := person.where(self.frame)) is not None]

    def _face(self, person: Person, at: tuple[float, float]) -> Face:
        half = person.side / 2
        box = np.array([at[0] - half, at[1] - half, at[0] + half, at[1] + half], np.float32)
        landmarks = (face_landmarks() * person.side + box[:2]).astype(np.float32)
        return Face(box, 0.9, five_points(landmarks))

    def _nearest(self, face: Face) -> Face:
        centre = np.array(face.centre_xy)
        for person, at in sorted(self._visible(), key=lambda pair: float(np.hypot(*(centre - pair[1])))):
            if np.hypot(*(centre - at)) < 0.35 * person.side:
                box = self._face(person, at).box
                points = face_landmarks() * person.side + box[:2]
                points = (points + self._rng.normal(0, self._noise, points.shape)).astype(np.float32)
                return replace(face, landmarks=points, visible=np.full(68, 0.9, np.float32), pose=Pose(0, 0, 0))
        nothing = (face_landmarks() * face.width_px + face.box[:2]).astype(np.float32)
        return replace(face, landmarks=nothing, visible=np.full(68, 0.1, np.float32), pose=Pose(0, 0, 0))


def _picture(shot: int = 0) -> U8:
    return np.full((*SIZE_HW, 3), 40 + 120 * (shot % 2), np.uint8)


def _film(scene: Scene, count: int, tracker: Tracker | None = None, start: int = 0,
          shots: Callable[[int], int] = lambda _: 0) -> list[list[TrackedFace]]:  # fmt: skip
    follower: Any = scene
    tracker = tracker or Tracker(follower)
    out = []
    for scene.frame in range(start, start + count):
        out.append(tracker.update(_picture(shots(scene.frame)), scene.frame / FPS))
    return out


def _ids(frame: list[TrackedFace]) -> dict[int, int]:
    """Who -> number, of the faces that are seen."""
    return {
        int(np.argmax(face.face.embedding)): face.id for face in frame if face.seen and face.face.embedding is not None
    }


def test_the_best_pairing_is_found():
    rng = np.random.default_rng(3)
    for rows, columns in [(1, 1), (3, 3), (4, 2), (2, 5), (5, 5)]:
        scores = rng.uniform(0.01, 1, (rows, columns))
        pairs = best_pairs(scores)
        tall = scores if rows <= columns else scores.T
        best = max(sum(tall[i, j] for i, j in enumerate(p)) for p in permutations(range(tall.shape[1]), tall.shape[0]))
        assert sum(scores[pair] for pair in pairs) == pytest.approx(best) and len(pairs) == min(rows, columns)
    assert best_pairs(np.zeros((2, 3))) == [] and best_pairs(np.zeros((0, 3))) == []
    assert best_pairs(np.array([[0.0, 0.9], [0.0, 0.8]])) == [(0, 1)]


def test_overlaps_by_hand():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(overlaps(boxes, boxes)[0], [1.0, 50 / 150, 0.0])


def test_one_moving_face_is_followed_with_few_detections():
    scene = Scene([Person(lambda i: (150 + 5 * i, 180), 1)])
    film = _film(scene, 40)
    assert [len(frame) for frame in film] == [1] * 40 and {face.id for frame in film for face in frame} == {0}
    assert scene.detections == 1 + 39 // 5
    for index, frame in enumerate(film[5:], 5):
        assert frame[0].face.landmarks is not None
        assert abs(frame[0].face.landmarks[:, 0].mean() - (150 + 5 * index)) < 5 + 1.5


def test_two_people_keep_their_numbers_when_they_cross():
    # The second one goes behind the first and is not seen for a while.
    left = Person(lambda i: (120 + 5 * i, 180), 1)
    right = Person(lambda i: None if 30 <= i < 48 else (510 - 5 * i, 180), 2)
    film = _film(Scene([left, right]), 80)
    first = _ids(film[0])
    assert set(first) == {1, 2}
    for frame in film[:28] + film[58:]:
        assert _ids(frame) == first


def test_two_people_who_cross_in_plain_view_keep_their_numbers():
    people = [Person(lambda i: (120 + 6 * i, 170), 1), Person(lambda i: (520 - 6 * i, 190), 2)]
    film = _film(Scene(people), 66)
    assert _ids(film[-1]) == _ids(film[0]) and all(len({f.id for f in frame}) == len(frame) for frame in film)


def test_a_lost_face_is_held_fades_and_comes_back_as_the_same():
    scene = Scene([Person(lambda i: None if 20 <= i < 50 else (300, 180), 1)])
    film = _film(scene, 75)
    strengths = [frame[0].strength if frame else 0.0 for frame in film]
    assert strengths[:24] == [1.0] * 24, "in the first shot at once, then held for 0.15 s"
    assert all(a >= b for a, b in zip(strengths[20:50], strengths[21:50])) and strengths[40] == 0.0
    assert all(abs(a - b) <= 1 / (0.2 * FPS) + 1e-6 for a, b in zip(strengths, strengths[1:])), "no step is larger"
    assert strengths[-1] == 1.0 and {face.id for frame in film for face in frame} == {0}
    assert [frame[0].seen for frame in film[20:24]] == [False] * 4


def test_who_comes_later_fades_in_and_who_stays_away_is_forgotten():
    scene = Scene([Person(lambda i: (150, 180), 1), Person(lambda i: (450, 180) if i >= 11 else None, 2)])
    film = _film(scene, 25)
    came = [face.strength for frame in film for face in frame if face.id == 1]
    assert came[0] < 0.2 and came[-1] == 1.0 and came == sorted(came)
    gone = Scene([Person(lambda i: (150, 180) if i < 3 else None, 1)])
    follower: Any = gone
    tracker = Tracker(follower, TrackSettings(remember_seconds=1.0))
    _film(gone, 60, tracker)
    assert tracker.state.tracks == []


def test_a_cut_ends_tracks_at_once_and_starts_at_full_strength():
    scene = Scene(
        [Person(lambda i: (150, 180) if i < 13 else None, 1), Person(lambda i: (450, 180) if i >= 13 else None, 2)]
    )
    film = _film(scene, 20, shots=lambda i: int(i >= 13))
    assert [(f.id, f.strength) for f in film[12]] == [(0, 1.0)] and [(f.id, f.strength) for f in film[13]] == [(1, 1.0)]


def test_the_same_person_after_a_cut_has_the_same_number():
    scene = Scene([Person(lambda i: (150, 180) if i < 10 else (480, 220), 1)])
    film = _film(scene, 20, shots=lambda i: int(i >= 10))
    assert {face.id for frame in film for face in frame} == {0} and film[10][0].strength == 1.0


def test_thirty_people():
    people = [
        Person(lambda i, n=n: (60 + 55 * (n % 10) + i, 80 + 90 * (n // 10)), n, 40)
        for n in range(30)  # type: ignore[misc]
    ]
    film = _film(Scene(people), 12)
    assert all(len(frame) == 30 for frame in film) and all(_ids(frame) == _ids(film[0]) for frame in film)


def test_noise_hardly_shows():
    film = _film(Scene([Person(lambda i: (300, 180), 1)], noise_px=0.5), 60)
    points = np.array([frame[0].face.landmarks for frame in film])[20:]
    assert np.diff(points, axis=0).std() < 0.37 * 0.5 * np.sqrt(2)


@pytest.mark.parametrize("border", [1, 7, 22, 33, 41])
def test_a_tracker_goes_on_from_its_state_as_if_nothing_had_been(border: int):
    def scene() -> Scene:
        return Scene(
            [Person(lambda i: (120 + 5 * i, 180), 1), Person(lambda i: None if 30 <= i < 40 else (510 - 5 * i, 180), 2)]
        )

    whole = _film(scene(), 60)
    first: Any = scene()
    before = Tracker(first)
    _film(first, border, before)
    second: Any = scene()
    after = Tracker(second)
    after.state = unpack_tracker(pack_tracker(before.state))
    for got, expected in zip(_film(second, 60 - border, after, start=border), whole[border:]):
        assert [(f.id, f.strength, f.seen) for f in got] == [(f.id, f.strength, f.seen) for f in expected]
        for a, b in zip(got, expected):
            np.testing.assert_array_equal(a.face.landmarks, b.face.landmarks)
            np.testing.assert_array_equal(a.face.embedding, b.face.embedding)
