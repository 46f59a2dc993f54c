"""Batches: labels stay true through crops, flips and pastes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from facesdk.faces.align import TEMPLATES, five_points
from facesdk.faces.boxes import face_box
from train.data import face_data, scenes
from train.data.face_world.types import Part
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS
from train.data.mirror import MIRROR_68
from train.data.swap_data import SwapData
from train.evaluate import box_iou
from train.models.faces.landmarks import REFINE_SCALE


def _marks(size: int) -> np.ndarray:
    """68 points, mirror-symmetric about the middle, with the five of the template."""
    marks = np.empty((68, 2), np.float32)
    angle = np.linspace(0, np.pi, 17)
    marks[:17] = np.stack([0.5 - 0.32 * np.cos(angle), 0.45 + 0.4 * np.sin(angle)], 1)
    rng = np.random.default_rng(0)
    marks[17:] = rng.uniform(0.42, 0.58, (51, 2))
    five = TEMPLATES["canon"]
    marks[36:42], marks[42:48], marks[30], marks[48], marks[54] = five[0], five[1], five[2], five[3], five[4]
    # symmetric: each point is the mirror of its partner
    mirrored = marks[MIRROR_68] * [-1, 1] + [1, 0]
    return ((marks + mirrored) / 2 * size).astype(np.float32)


def _arrays(groups: int = 4, size: int = 64) -> dict[str, Any]:
    """Pictures whose colour is their row: red = identity, green = group."""
    count = groups * 3
    identity = np.arange(count) % 6
    group = np.repeat(np.arange(groups), 3)
    rgb = np.zeros((count, size, size, 3), np.uint8)
    rgb[..., 0] = (identity * 30)[:, None, None]
    rgb[..., 1] = (group * 30)[:, None, None]
    parts = np.full((count, size, size), Part.BACKGROUND, np.uint8)
    parts[:, 16:48, 16:48] = Part.SKIN
    return {
        "rgb": rgb,
        "alpha": np.where(parts == Part.SKIN, 255, 0).astype(np.uint8),
        "parts": parts,
        "landmarks": np.stack([_marks(size)] * count),
        "visible": np.ones((count, 68), bool),
        "identity": identity,
        "donor": group,
        "group": group,
        "pose": np.tile(np.array([20.0, 5.0, 10.0], np.float32), (count, 1)),
        "identity_vector": np.repeat(identity[:, None], len(IDENTITY_FIELDS), 1).astype(np.float32),
        "attribute_vector": np.repeat(group[:, None], len(ATTRIBUTE_FIELDS), 1).astype(np.float32),
    }


def test_mirror_table_is_an_involution_that_keeps_the_middle() -> None:
    assert (MIRROR_68[MIRROR_68] == np.arange(68)).all()
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert (MIRROR_68[middle] == middle).all() and MIRROR_68[36] == 45 and MIRROR_68[48] == 54 and MIRROR_68[0] == 16


def test_a_triplet_is_a_target_its_exact_swap_and_the_person_elsewhere() -> None:
    data = SwapData(_arrays())
    raw = data.batch(np.random.default_rng(0), 40, 0.0, config=None)
    red, green = raw["source"][:, 0, 0, 0], raw["source"][:, 0, 0, 1]
    assert (red == raw["exact"][:, 0, 0, 0]).all()  # the source's person in the exact swap
    assert (raw["exact"][:, 0, 0, 1] == raw["target"][:, 0, 0, 1]).all()  # in the target's setting
    assert (green != raw["target"][:, 0, 0, 1]).all()  # but photographed elsewhere
    assert (raw["target"][:, 0, 0, 0] != red).all()
    np.testing.assert_array_equal(raw["identity_vector"][:, 0] * 30, red)
    np.testing.assert_array_equal(raw["attribute_vector"][:, 0] * 30, raw["target"][:, 0, 0, 1])
    assert raw["face"][:, 32, 32].all() and not raw["face"][:, 2, 2].any()


def test_same_rows_are_one_picture() -> None:
    raw = SwapData(_arrays()).batch(np.random.default_rng(0), 20, 1.0)
    assert raw["same"].all()
    assert np.array_equal(raw["source"], raw["target"]) and np.array_equal(raw["target"], raw["exact"])


def test_degradation_keeps_a_pair_exact() -> None:
    arrays = _arrays()
    arrays["rgb"][:] = 120  # all pictures alike: whatever differs afterwards was done to one of them only
    raw = SwapData(arrays).batch(np.random.default_rng(1), 32, 0.0)
    assert np.array_equal(raw["target"], raw["exact"])
    assert not np.array_equal(raw["source"], raw["target"])


def test_landmark_crops_move_points_and_pose_together() -> None:
    raw = face_data.landmark_batch(_arrays(), np.random.default_rng(0), 32, config=None)
    eyes = five_points(raw["points"])[:, :2]
    across = eyes[:, 1] - eyes[:, 0]
    assert (across[:, 0] > 0).all()  # the left eye stays the left one under a flip
    # The points are level: the roll of the crop is all the tilt there is, and the stored roll follows it.
    tilt = np.rad2deg(np.arctan2(across[:, 1], across[:, 0]))
    flipped = raw["pose"][:, 0] < 0
    base = np.where(flipped, -10.0, 10.0)
    np.testing.assert_allclose(raw["pose"][:, 2], base - tilt, atol=0.3)
    assert 0 < flipped.sum() < 32


def test_second_looks_are_upright_and_filled_by_the_points() -> None:
    raw = face_data.landmark_batch(_arrays(), np.random.default_rng(0), 64, config=None, tight=True)
    span = (raw["points"].max(1) - raw["points"].min(1)).max(-1)
    assert np.median(span) == pytest.approx(1 / REFINE_SCALE, rel=0.03)
    # The stored roll of 10 degrees is taken off, mirrored or not: what is left is the jitter.
    eyes = five_points(raw["points"])[:, :2]
    tilt = np.rad2deg(np.arctan2(*(eyes[:, 1] - eyes[:, 0]).T[::-1]))
    flipped = raw["pose"][:, 0] < 0
    # The made-up face is level in its picture although its roll says 10: after the turn it leans by that much.
    np.testing.assert_allclose(tilt - np.where(flipped, -10, 10), -raw["pose"][:, 2], atol=0.3)
    assert 0 < flipped.sum() < 64 and np.abs(raw["pose"][:, 2]).max() < 15


def test_points_behind_a_border_do_not_show() -> None:
    draw = {"config": None, "tight": True}
    plain = face_data.landmark_batch(_arrays(), np.random.default_rng(0), 64, **draw)
    cut = face_data.landmark_batch(_arrays(), np.random.default_rng(0), 64, hidden_share=1.0, **draw)
    assert plain["visible"].mean() - cut["visible"].mean() > 0.1
    assert cut["visible"].mean() > 0.4  # half of a face is left at least


def test_places_without_a_face_are_inside_or_beside_it() -> None:
    marks, rng = _marks(100), np.random.default_rng(0)
    face = face_box(marks)
    boxes = np.stack([face_data._elsewhere(marks, rng) for _ in range(200)])
    assert box_iou(boxes, face[None]).max() < 0.2


def test_absent_crops_show_false_faces_too() -> None:
    arrays = _arrays()
    arrays["rgb"][:] = 0
    white = np.full((2, 160, 160, 3), 255, np.uint8)
    raw = face_data.absent_batch(arrays, white, np.random.default_rng(0), 64, config=None)
    assert raw.shape == (64, 128, 128, 3)
    assert 0.55 < (raw.min((1, 2, 3)) == 255).mean() < 0.95
    assert face_data.absent_batch(arrays, None, np.random.default_rng(0), 8, config=None).max() == 0


def test_parser_classes_follow_the_picture() -> None:
    table = face_data.parser_table()
    assert table[Part.SKIN] == 1 and table[Part.EAR] == 0 and table[Part.NECK] == 0 and table[Part.BEARD] == 1
    assert table[Part.HAIR] == 2 and table[Part.GLASSES] == 3 and table[Part.HAT] == 4
    arrays = _arrays()
    arrays["rgb"][:] = 0
    arrays["rgb"][arrays["parts"] == Part.SKIN] = 255
    raw = face_data.parser_batch(arrays, np.random.default_rng(3), 16, config=None)
    clear = (raw["classes"] != 4).all((1, 2))
    bright = raw["image"][clear][..., 0] > 127
    assert clear.any() and (bright == (raw["classes"][clear] == 1)).mean() > 0.98


def test_scene_boxes_lie_on_the_faces() -> None:
    arrays = _arrays()
    arrays["rgb"][:] = [255, 0, 0]
    rng = np.random.default_rng(5)
    none = face_data.DegradeConfig(0, 0, 0, 0, 0)
    seen = 0
    for _ in range(20):
        scene = scenes.compose_scene(arrays, rng, 160, face_range=(30, 80), max_faces=1, config=none)
        for box, points in zip(scene.boxes, scene.points):
            middle = np.clip(points.mean(0), 0, 159).astype(int)
            if (points > 2).all() and (points < 158).all() and scene.image[middle[1], middle[0], 0] == 255:
                seen += 1
            assert (points[:, 0] >= box[0] - 1).all() and (points[:, 1] <= box[3] + 1).all()
            assert points[1, 0] != points[0, 0]
    assert seen >= 5


def test_a_scene_has_as_many_faces_as_asked_and_says_how_much_shows() -> None:
    none, rng = face_data.DegradeConfig(0, 0, 0, 0, 0), np.random.default_rng(1)
    options = {"face_range": (20, 30), "max_faces": 5, "config": none}
    crowded = [scenes.compose_scene(_arrays(), rng, 320, min_faces=5, **options) for _ in range(12)]
    assert min(len(scene.boxes) for scene in crowded) >= 2  # of five some are hidden or lie outside
    shown = np.concatenate([scene.shown for scene in crowded])
    assert shown.min() >= 0.25 and shown.max() == 1 and (shown < 0.9).any()
    for scene in crowded:
        outside = (scene.boxes < 0).any(1) | (scene.boxes > 320).any(1)
        assert (scene.shown[outside] < 1).all()


def test_a_portrait_is_laid_where_its_matrix_says() -> None:
    rng = np.random.default_rng(2)
    rgb, alpha = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8), np.zeros((64, 64), np.float32)
    alpha[8:56, 8:56] = rng.uniform(0.1, 1, (48, 48))
    for place in ((20.0, 30.0), (-25.0, 100.0), (300.0, 5.0), (-200.0, 0.0)):
        matrix = np.array([[0.8, -0.3, place[0]], [0.3, 0.8, place[1]]], np.float32)
        image = rng.uniform(0, 255, (160, 160, 3)).astype(np.float32)
        warped = cv2.warpAffine(rgb, matrix, (160, 160), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(alpha, matrix, (160, 160), flags=cv2.INTER_LINEAR)
        mask = mask * (mask > 0.02)
        expected = image * (1 - mask[..., None]) + warped * mask[..., None]
        covered = scenes._paste(image, rgb, alpha, matrix)
        np.testing.assert_allclose(covered, mask, atol=0.02)
        assert np.abs(image - expected).max() < 6 and np.abs(image - expected).mean() < 0.05


def test_strange_surroundings_leave_the_face_and_take_the_rest() -> None:
    arrays = _arrays(size=112)
    arrays["parts"][:] = Part.HAIR
    arrays["parts"][:, 30:80, 30:80] = Part.SKIN
    rng = np.random.default_rng(0)
    plain, strange = (
        face_data.recogniser_batch(arrays, np.arange(12), rng, 12, 112, (None,), share) for share in (0.0, 1.0)
    )
    # Pictures are flat, so that whatever else there is has come from a texture, another crop or an occluder.
    flat = [len(np.unique(image.reshape(-1, 3), axis=0)) == 1 for image in plain["image"]]
    assert sum(flat) >= 8
    assert not any(len(np.unique(image.reshape(-1, 3), axis=0)) == 1 for image in strange["image"])
    own = np.zeros((112, 112), bool)
    own[40:70, 40:70] = True
    image, other = (np.full((112, 112, 3), value, np.uint8) for value in (200, 10))
    mixed = face_data.with_surroundings(image, own, other)
    assert (mixed[45:65, 45:65] == 200).all() and (mixed[:34] == 10).all() and (mixed[:, 76:] == 10).all()
    assert 10 < mixed[39, 55, 0] < 200


def test_a_quarter_of_the_parsers_crops_are_favoured_ones() -> None:
    arrays = _arrays(groups=8)
    arrays["rgb"][:] = 40
    arrays["rgb"][5] = 200
    images = face_data.parser_batch(arrays, np.random.default_rng(0), 32, 64, None, np.array([5]))["image"]
    bright = np.median(images.reshape(32, -1), axis=1) > 120
    assert bright[:8].sum() >= 6 and bright[8:].mean() < 0.3
