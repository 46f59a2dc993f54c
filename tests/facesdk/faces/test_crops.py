"""Crops and batches."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.faces.align import TEMPLATES, crop_matrix, warp_crop
from facesdk.faces.crops import cut_crop, cut_crops, denormalise, normalise


@pytest.mark.parametrize(
    ("centre", "eyes"),
    [((150, 100), 20), ((150, 100), 90), ((6, 5), 30), ((299, 199), 400), ((-80, 60), 25), ((500, 400), 60)],
)
def test_cut_crop_equals_warp_crop_of_the_whole_picture(centre: tuple[int, int], eyes: float):
    image = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    points = (TEMPLATES["canon"] - 0.5) * eyes / 0.26 + np.array(centre)
    matrix = crop_matrix(points, "canon", 64)
    difference = cut_crop(image, matrix, 64).astype(int) - warp_crop(image, matrix, 64)
    # OpenCV rounds coordinates to 1/32 px, so a shifted origin can move a grey value by a little.
    assert np.abs(difference).max() <= 10 and np.abs(difference).mean() < 0.5


def test_normalise_and_back():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    planes = normalise(images)
    assert planes.shape == (2, 3, 5, 4) and planes.dtype == np.float32
    np.testing.assert_allclose(planes[1, 2, 3, 1], images[1, 3, 1, 2] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(denormalise(planes), images)
    assert denormalise(np.array([[[[-9.0]], [[9.0]], [[0.0]]]], np.float32)).tolist() == [[[[0, 255, 128]]]]


def test_no_faces_make_an_empty_batch():
    assert cut_crops(np.zeros((9, 9, 3), np.uint8), [], 16).shape == (0, 16, 16, 3)
