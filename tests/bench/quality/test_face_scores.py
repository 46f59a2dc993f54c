from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.face_scores import (
    class_ious,
    detect_scenes,
    embed_pictures,
    locate_portraits,
    make_scenes,
    parse_pictures,
    rows_of,
    sloppy_face,
    whole,
    worn,
)
from bench.quality.face_sheet import contact_sheet
from bench.quality.test_set import Arrays
from facesdk.errors import InputError
from facesdk.faces.boxes import face_box
from facesdk.types import U8, Face, Pose
from tests.facesdk.fake_pack import face_landmarks
from train.data.face_world.types import Part
from train.data.scenes import Scene

MARKS = (face_landmarks() * 60 + 10).astype(np.float32)
EYES_PX = 0.26 * 60
BLACK = np.zeros((100, 100, 3), np.uint8)
NO_POINTS = np.zeros((5, 2), np.float32)


def _scene(*boxes: tuple[float, float, float, float]) -> Scene:
    found = np.array(boxes, np.float32).reshape(-1, 4)
    return Scene(BLACK, found, np.zeros((len(found), 5, 2), np.float32), np.ones(len(found), np.float32))


def _detector(*boxes: tuple[float, float, float, float]) -> object:
    return lambda image: [Face(np.array(box, np.float32), 0.9, NO_POINTS) for box in boxes]


BIG, SMALL, OTHER = (10.0, 10.0, 50.0, 50.0), (60.0, 60.0, 84.0, 84.0), (60.0, 10.0, 90.0, 40.0)


def test_recall_counts_from_a_size_on() -> None:
    scenes = [_scene(BIG, SMALL)]
    found = detect_scenes(_detector(BIG), scenes)  # type: ignore[arg-type]
    assert (found.recall_32px, found.recall_16px, found.extra_per_scene) == (1.0, 0.5, 0.0)
    nothing = detect_scenes(_detector(), scenes)  # type: ignore[arg-type]
    assert (nothing.recall_32px, nothing.extra_per_scene) == (0.0, 0.0)
    # Moved by a third of its width a box overlaps by exactly a half; a little more is not enough.
    for shift, hit in ((13.0, 1.0), (14.0, 0.0)):
        moved = detect_scenes(_detector((10 + shift, 10, 50 + shift, 50)), [_scene(BIG)])  # type: ignore[arg-type]
        assert (moved.recall_32px, moved.extra_per_scene) == (hit, 1 - hit)


def test_boxes_beside_faces_count_as_extra() -> None:
    found = detect_scenes(_detector(BIG, BIG, OTHER), [_scene(BIG), _scene()])  # type: ignore[arg-type]
    # A second box for the same face is extra, and in the empty scene all three are.
    assert found.extra_per_scene == (2 + 3) / 2
    with pytest.raises(InputError):
        detect_scenes(_detector(), [])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def portraits() -> Arrays:
    rng = np.random.default_rng(0)
    parts = np.full((2, 80, 80), Part.BACKGROUND, np.uint8)
    parts[:, 15:70, 15:70] = Part.SKIN
    parts[:, 5:15, 15:70] = Part.HAIR
    alpha = np.where(parts > 0, 255, 0).astype(np.uint8)
    return {
        "rgb": rng.integers(0, 256, (2, 80, 80, 3), np.uint8), "alpha": alpha, "parts": parts,
        "landmarks": np.stack([MARKS, MARKS]), "pose": np.array([[10.0, 0, 179], [-20, 5, 0]], np.float32),
    }  # fmt: skip


def test_scenes_are_the_same_for_a_seed_and_may_be_empty(portraits: Arrays) -> None:
    one, other = (make_scenes(portraits, 2, 96, 3) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) and np.array_equal(a.boxes, b.boxes) for a, b in zip(one, other))
    assert sum(len(scene.boxes) for scene in make_scenes(portraits, 6, 96, 3)) > 0
    assert all(len(scene.boxes) == 0 for scene in make_scenes(portraits, 6, 96, 3, max_faces=0))


def test_landmark_and_pose_errors(portraits: Arrays) -> None:
    def locate(image: U8, face: Face) -> Face:
        return replace(face, landmarks=MARKS + np.float32([3, 4]), pose=Pose(4.0, 1.0, -179.0))

    found = locate_portraits(locate, portraits, 0)
    # Five pixels off; the angles go the short way round.
    assert np.allclose(found.error, 5 / EYES_PX, atol=1e-4)
    assert np.allclose(found.turn_degrees, [[6, 1, 2], [24, 4, 179]])


def test_a_sloppy_box_stays_near() -> None:
    rng = np.random.default_rng(1)
    box = face_box(MARKS)
    boxes = np.stack([sloppy_face(MARKS, rng).box for _ in range(400)])
    sides = box[2:] - box[:2]
    assert np.abs((boxes - box).mean(0) / np.tile(sides, 2)).max() < 0.01
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.allclose((centre / sides).std(0), 0.03, atol=0.004)
    assert np.allclose(((boxes[:, 2:] - boxes[:, :2]) / sides).std(0), 0.05, atol=0.006)


def test_embeddings_are_asked_at_the_true_points(portraits: Arrays) -> None:
    asked: list[NDArray[np.float32]] = []

    def embed(image: U8, face: Face) -> NDArray[np.float32]:
        assert face.landmarks is not None
        asked.append(face.landmarks)
        return image[0, 0].astype(np.float32)

    assert np.array_equal(embed_pictures(embed, portraits), portraits["rgb"][:, 0, 0])
    assert all(np.array_equal(points, MARKS) for points in asked)


def test_parser_classes(portraits: Arrays) -> None:
    def parse(crops: U8) -> NDArray[np.float32]:
        assert crops.shape[1:] == (64, 64, 3)
        return np.tile(np.eye(5, dtype=np.float32)[1][None, :, None, None], (len(crops), 1, 64, 64))

    crops, found, truth = parse_pictures(parse, portraits, 20, 64, 0)
    assert crops.shape == (20, 64, 64, 3) and (found == 1).all() and {0, 1, 2, 4} == set(np.unique(truth))
    scores = class_ious(found, truth)
    # All is called a face, so that its IoU is its share; nobody wears glasses.
    assert scores["face"] == pytest.approx((truth == 1).mean()) and scores["hair"] == 0 and "glasses" not in scores
    assert set(class_ious(truth, truth).values()) == {1.0}


def test_worn_pictures_differ_and_nothing_else(portraits: Arrays) -> None:
    damaged = worn(portraits, 0)
    assert not np.array_equal(damaged["rgb"], portraits["rgb"]) and damaged["landmarks"] is portraits["landmarks"]
    assert np.array_equal(worn(portraits, 0)["rgb"], damaged["rgb"])
    some = rows_of(portraits, np.array([False, True]))
    assert all(np.array_equal(some[name][0], portraits[name][1]) for name in portraits)


def test_a_face_cut_by_the_border_is_not_whole(portraits: Arrays) -> None:
    assert whole(portraits).tolist() == [True, True]
    box = face_box(MARKS)
    for shift in ([-box[0] - 1, 0], [0, -box[1] - 1], [80 - box[2] + 1, 0], [0, 80 - box[3] + 1]):
        moved = {**portraits, "landmarks": np.stack([MARKS, MARKS + np.float32(shift)])}
        assert whole(moved).tolist() == [True, False]


def test_each_part_of_the_sheet_has_rows_of_its_own() -> None:
    tile = np.full((240, 240, 3), 200, np.uint8)
    sheet = contact_sheet([[tile] * 7, [], [tile]])
    assert sheet.shape == (3 * 240, 6 * 240, 3)
    assert (sheet.reshape(3, 240, 6, 240, 3)[:, 0, :, 0, 0] == 200).sum(1).tolist() == [6, 1, 1]
