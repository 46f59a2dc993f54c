from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from bench.quality.baselines import classic_mask, classic_swap
from train.data.face_world.render import render
from train.data.face_world.sample import SPLITS, sample_attributes, sample_identity
from train.data.face_world.types import Picture


def _person(number: int, yaw: float) -> Picture:
    drawn = sample_attributes(np.random.default_rng(number), "test")
    setting = replace(drawn, yaw_degrees=yaw, pitch_degrees=0.0, roll_degrees=0.0, hat="none")
    person = sample_identity(SPLITS["test"][number], "own")
    return render(person, setting, size=160, supersample=1, hair_strands=200, truth="basic")


@pytest.fixture(scope="module")
def two() -> tuple[Picture, Picture]:
    return _person(0, 0.0), _person(1, 12.0)


def test_a_picture_onto_itself_changes_little(two: tuple[Picture, Picture]) -> None:
    rgb, marks = two[0].rgb, two[0].landmarks
    swapped = classic_swap(rgb, marks, rgb, marks)
    assert np.abs(swapped.astype(int) - rgb).mean() < 0.5
    inside = classic_mask(marks, (160, 160)) > 0
    assert np.abs(swapped.astype(int) - rgb)[inside].mean() < 2


def test_pixels_outside_its_masks_box_are_equal(two: tuple[Picture, Picture]) -> None:
    source, target = two
    swapped = classic_swap(source.rgb, source.landmarks, target.rgb, target.landmarks)
    mask = classic_mask(target.landmarks, (160, 160)) > 0
    assert 0.02 < mask.mean() < 0.5
    change = np.abs(swapped.astype(int) - target.rgb)
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert not change[~box].any()
    # Inside the mask another face; around it in the box only what the solver leaks.
    assert change[mask].mean() > 3 and change[box & ~mask].mean() < 0.2 * change[mask].mean()
    # The mask is the face: it holds its inner points and reaches above the brows.
    inner = np.floor(target.landmarks[27:]).astype(int)
    assert mask[inner[:, 1], inner[:, 0]].all()
    assert np.nonzero(mask)[0].min() < target.landmarks[17:27, 1].min() - 3


def test_the_source_is_taken_to_the_targets_place(two: tuple[Picture, Picture]) -> None:
    # A turned and moved copy of the target, with its points, must come back to where it was.
    rgb, marks = two[0].rgb, two[0].landmarks
    matrix = cv2.getRotationMatrix2D((80, 80), 10, 1.0) + np.array([[0, 0, 6], [0, 0, -4]])
    moved = cv2.warpAffine(rgb, matrix, (160, 160), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    points = (marks - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    swapped = classic_swap(np.asarray(moved, np.uint8), points, rgb, marks)
    inside = classic_mask(marks, (160, 160)) > 0
    error = np.abs(swapped.astype(int) - rgb)[inside].mean()
    # Without the way back, the same picture under the same mask is far worse.
    wrong = classic_swap(np.asarray(moved, np.uint8), marks, rgb, marks)
    assert error < 4 and np.abs(wrong.astype(int) - rgb)[inside].mean() > 2 * error


def test_a_face_without_room_leaves_the_target(two: tuple[Picture, Picture]) -> None:
    rgb, marks = two[0].rgb, two[0].landmarks
    outside = marks - 1000
    assert np.array_equal(classic_swap(rgb, marks, rgb, outside), rgb)
