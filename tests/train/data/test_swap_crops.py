"""Crops of swap training: around each face itself, and pictures, labels and points all move alike."""

from __future__ import annotations

import numpy as np

from facesdk.faces.align import TEMPLATES, crop_matrix, five_points
from tests.train.recipes.test_recipes import arrays
from train.data.swap_crops import JITTER, crop_scale, cut_labels, cut_pictures, cut_points, own_crop
from train.data.swap_data import SwapData

SIDE = 64


def _askew(rng: np.random.Generator) -> np.ndarray:
    """Points of a face whose eyes, nose and mouth are on the template, turned, scaled and moved."""
    points = rng.uniform(0.3, 0.7, (68, 2))
    points[36:42], points[42:48], points[30], points[48], points[54] = TEMPLATES["canon"]
    angle, scale = rng.uniform(-0.15, 0.15), rng.uniform(0.8, 1.1)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((points - 0.5) @ turn.T + 0.5 + rng.uniform(-0.05, 0.05, 2)) * SIDE


def test_a_face_stands_upright_in_its_own_crop() -> None:
    rng = np.random.default_rng(0)
    marks = _askew(rng)
    (cut,) = cut_points(marks[None], [own_crop(marks, SIDE, rng, None)])
    np.testing.assert_allclose(five_points(cut), TEMPLATES["canon"] * SIDE, atol=1e-3)
    (shaken,) = cut_points(marks[None], [own_crop(marks, SIDE, rng)])
    moved = np.abs(five_points(shaken) - TEMPLATES["canon"] * SIDE).max() / SIDE
    assert 1e-4 < moved < 2.5 * (JITTER.shift + JITTER.rotation + JITTER.scale)


def test_pictures_labels_and_points_move_alike() -> None:
    rng = np.random.default_rng(1)
    marks = np.stack([_askew(rng) for _ in range(4)])
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    spots = [np.exp(-0.5 * ((columns - m[30, 0]) ** 2 + (rows - m[30, 1]) ** 2) / 9) for m in marks]
    pictures = np.repeat(np.rint(255 * np.stack(spots)).astype(np.uint8)[..., None], 3, -1)
    labels = np.where(np.stack(spots) > 0.3, 7, 3).astype(np.uint8)
    matrices = [own_crop(m, SIDE, rng) for m in marks]
    cut = cut_pictures(pictures, matrices)[..., 0].astype(float)
    seven = cut_labels(labels, matrices) == 7
    for picture, label, nose in zip(cut, seven, cut_points(marks, matrices)[:, 30]):
        for weights in (picture, label.astype(float)):
            found = np.array([(weights * axis).sum() / weights.sum() for axis in (columns, rows)])
            np.testing.assert_allclose(found, nose, atol=0.35)


def test_the_crop_of_a_target_tells_nothing_of_the_exact_swap() -> None:
    known, rng = arrays(SIDE, groups=6), np.random.default_rng(2)
    known["landmarks"] = np.stack([_askew(rng) for _ in known["rgb"]]).astype(np.float32)
    known["points"] = known["landmarks"] / np.float32(SIDE)
    batch = SwapData(known).batch(np.random.default_rng(0), 12, 0.3, config=None)
    upright = np.array([[1, 0, 0], [0, 1, 0]])
    for name in ("source", "target"):
        for marks in batch[f"{name}_points"] * SIDE:
            np.testing.assert_allclose(crop_matrix(marks, "canon", SIDE), upright, atol=2e-3)
    # The exact swap is in the crop of its target, and in no other.
    own = [crop_matrix(marks, "canon", SIDE) for marks in batch["landmarks"]]
    assert max(np.abs(one - upright).max() for one in own) > 0.05
    same = batch["same"]
    np.testing.assert_array_equal(batch["source"][same], batch["target"][same])


def test_wider_pictures_stay_as_wide() -> None:
    rng = np.random.default_rng(3)
    faces = np.stack([(TEMPLATES["canon"] - 0.5) * 0.8 + 0.5 for _ in range(9)])
    marks = np.stack([_askew(rng) for _ in faces])
    for one, five in zip(marks, faces, strict=True):
        one[36:42], one[42:48], one[30], one[48], one[54] = five * SIDE
    assert abs(crop_scale(marks, SIDE) - 0.8) < 1e-6
    np.testing.assert_allclose(own_crop(marks[0], SIDE, rng, None, 0.8), [[1, 0, 0], [0, 1, 0]], atol=1e-4)
    for one in marks:
        one[36:42], one[42:48], one[30], one[48], one[54] = ((TEMPLATES["canon"] - 0.5) * 1.03 + 0.5) * SIDE
    assert crop_scale(marks, SIDE) == 1.0
