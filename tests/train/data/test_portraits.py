"""Pictures of the generator: backdrops, principal components, the rate of a linear code, colour jitter."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from train.data.color_jitter import ColorJitter
from train.data.face_world.types import Part
from train.data.portrait_data import (
    DETAIL_WEIGHT,
    before_backdrop,
    face_masks,
    portrait_batch,
    portraits,
    rows_with_glasses,
)
from train.data.principal import principal_components, shrink, water_level


def _arrays(count: int = 6, size: int = 48) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    parts = np.full((count, size, size), Part.BACKGROUND, np.uint8)
    parts[:, 10:40, 12:36] = Part.HAIR
    parts[:, 16:34, 16:32] = Part.SKIN
    return {"rgb": rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8), "parts": parts}


def test_portraits_depend_on_seed_and_row_alone() -> None:
    arrays = _arrays()
    rows = np.array([1, 4, 2])
    first, again = portraits(arrays, rows, 7), portraits(arrays, rows[::-1].copy(), 7)[::-1]
    np.testing.assert_array_equal(first, again)
    assert (first != portraits(arrays, rows, 8)).any()
    batches = [portrait_batch(arrays, np.random.default_rng(3), 5) for _ in range(2)]
    assert all((batches[0][name] == batches[1][name]).all() for name in ("image", "face"))


def test_backdrop_replaces_what_is_behind_and_nothing_else() -> None:
    arrays = _arrays()
    rgb, parts = arrays["rgb"][0], arrays["parts"][0]
    made = before_backdrop(rgb, parts, np.random.default_rng(0))
    inside = cv2.erode((parts != Part.BACKGROUND).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    behind = parts == Part.BACKGROUND
    np.testing.assert_array_equal(made[inside], rgb[inside])
    # Plain: each row one colour, wherever it is background.
    for row, mask in zip(made, behind):
        assert np.ptp(row[mask].astype(int), axis=0).max() <= 1
    assert np.abs(made[behind].astype(int) - rgb[behind]).mean() > 20
    assert (made[10, 12:36] != rgb[10, 12:36]).any()  # the border of the person is softened


def test_pictures_with_glasses_come_as_often_as_asked_and_their_rims_weigh_more() -> None:
    arrays = _arrays(10)
    arrays["parts"][7, 20:22, 14:34] = Part.GLASSES
    often = rows_with_glasses(arrays)
    assert often.tolist() == [7]
    batch = portrait_batch(arrays, np.random.default_rng(2), 400, often, 0.5)
    rims = (batch["detail"] == DETAIL_WEIGHT[Part.GLASSES]).sum((1, 2))
    assert set(rims.tolist()) == {0, 40}
    assert 0.48 < (rims > 0).mean() < 0.62  # a half, and a tenth of the other half
    assert (batch["detail"][rims == 0] == 0).all()


def test_mirrored_pictures_have_mirrored_faces() -> None:
    arrays = _arrays()
    arrays["parts"][:, :, :24] = Part.BACKGROUND
    batch = portrait_batch(arrays, np.random.default_rng(1), 40)
    on_the_left = batch["face"][:, :, :24].any((1, 2))
    assert 0 < on_the_left.sum() < 40 and (batch["face"].any((1, 2))).all()
    # The picture is turned with its mask: only where the person is, there is noise.
    noise = batch["image"].astype(int).std(-1).mean(1)
    assert ((noise[:, :20].mean(1) > noise[:, 28:].mean(1)) == on_the_left).all()
    assert face_masks(arrays, np.array([0])).sum() == 18 * 8


def test_components_are_those_of_the_pictures() -> None:
    rng = np.random.default_rng(0)
    wanted = np.linalg.qr(rng.normal(size=(48, 3)))[0].T
    scales = np.array([40.0, 20.0, 8.0])
    rows = 127 + (rng.normal(size=(900, 3)) * scales) @ wanted
    images = np.rint(rows.reshape(-1, 3, 4, 4).transpose(0, 2, 3, 1)).astype(np.uint8)
    found = principal_components(images, 3, 4)
    np.testing.assert_allclose(found.directions.T @ found.directions, np.eye(3), atol=1e-5)
    assert (np.abs((wanted @ found.directions).diagonal()) > 0.99).all()
    np.testing.assert_allclose(np.sqrt(found.variance) * 127.5, scales, rtol=0.1)
    coordinates = (shrink(images, 4) - found.mean) @ found.directions
    np.testing.assert_allclose(coordinates.var(0), found.variance, rtol=1e-3)


def test_shrink_averages() -> None:
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, :2, :2, 0], image[0, 2:, 2:, 2] = 255, 51
    small = shrink(image, 2).reshape(3, 2, 2)
    np.testing.assert_allclose(small[0], [[1, -1], [-1, -1]])
    np.testing.assert_allclose(small[2], [[-1, -1], [-1, -0.6]], atol=1e-6)


def test_water_level_closed_forms() -> None:
    equal = np.full(5, 3.0, np.float32)
    assert water_level(equal, 2.0) == pytest.approx(3.0 * np.exp(-4.0), rel=1e-4)
    # All above water: the geometric mean drops by twice the rate.
    spread = np.array([8.0, 2.0, 0.5], np.float32)
    assert water_level(spread, 2.5) == pytest.approx(2.0 * np.exp(-5.0), rel=1e-4)
    # One below: the others carry its share. 1.5 nats on two of three is a mean of 1.
    drowned = np.array([1.0, 1.0, 1e-6], np.float32)
    assert water_level(drowned, 1.0) == pytest.approx(np.exp(-3.0), rel=1e-4)


def test_jitter_is_slight_and_repeatable() -> None:
    image = np.random.default_rng(0).integers(40, 215, (16, 16, 3), dtype=np.uint8)
    first, again = (ColorJitter()(image, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    change = np.abs(first.astype(int) - image).mean()
    assert 0.5 < change < 40
    still = ColorJitter(0, 0, 0, 0)(image, np.random.default_rng(5))
    assert np.abs(still.astype(int) - image).max() <= 1


def test_jitter_changes_what_it_says() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    made = ColorJitter(0.1, 0, 0.05, 0.05)(grey, np.random.default_rng(0))
    factor = 1 + np.random.default_rng(0).uniform(-0.1, 0.1)
    assert np.abs(made.astype(int) - round(100 * factor)).max() <= 1  # grey has no hue and no saturation
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    third = ColorJitter(0, 0, 0, 1 / 3)
    turns = [third(red, np.random.default_rng(seed))[0, 0].argmax() for seed in range(20)]
    assert set(turns) == {0, 1, 2}
