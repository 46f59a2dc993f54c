"""Alignment: closed forms and round trips."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces import align


def _similarity(scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]], np.float32)


@pytest.mark.parametrize(
    ("scale", "degrees", "shift"), [(1.0, 0.0, (0, 0)), (2.5, 33.0, (7, -4)), (0.3, -170.0, (100, 5))]
)
def test_similarity_is_recovered(scale: float, degrees: float, shift: tuple[float, float]) -> None:
    points = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    truth = _similarity(scale, degrees, shift)
    found = align.similarity(points, align.apply_matrix(truth, points))
    np.testing.assert_allclose(found, truth, atol=1e-4)


def test_similarity_never_mirrors() -> None:
    points = np.array([[0, 0], [1, 0], [0, 2], [3, 1]], np.float32)
    found = align.similarity(points, points * [-1, 1])
    assert np.linalg.det(found[:, :2]) > 0


def test_similarity_minimises_the_squared_error() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    best = align.similarity(source, target)
    error = ((align.apply_matrix(best, source) - target) ** 2).sum()
    for _ in range(200):
        other = best.copy()
        turn = _similarity(1 + rng.normal() * 0.02, rng.normal(), (0, 0))[:, :2]
        other[:, :2] = turn @ other[:, :2]
        other[:, 2] += rng.normal(size=2) * 0.02
        assert ((align.apply_matrix(other, source) - target) ** 2).sum() >= error - 1e-6


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(InputError, match="coincide"):
        align.similarity(np.ones((5, 2)), np.random.default_rng(0).normal(size=(5, 2)))


@pytest.mark.parametrize("template", ["canon", "arcface"])
def test_template_points_onto_themselves_are_the_identity(template: align.Template) -> None:
    points = align.TEMPLATES[template] * 64
    np.testing.assert_allclose(align.crop_matrix(points, template, 64), [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def test_arcface_template_is_the_published_one() -> None:
    np.testing.assert_allclose(align.TEMPLATES["arcface"][0] * 112, [38.2946, 51.6963], atol=1e-4)
    np.testing.assert_allclose(align.TEMPLATES["arcface"][4] * 112, [70.7299, 92.2041], atol=1e-4)


def test_inverse_and_composition() -> None:
    a, b = _similarity(1.7, 20, (3, 4)), _similarity(0.6, -50, (-2, 9))
    points = np.random.default_rng(2).normal(size=(7, 2)) * 50
    np.testing.assert_allclose(
        align.apply_matrix(align.invert_matrix(a), align.apply_matrix(a, points)), points, atol=1e-3
    )
    composed = align.apply_matrix(align.compose(b, a), points)
    np.testing.assert_allclose(composed, align.apply_matrix(b, align.apply_matrix(a, points)), atol=1e-3)


def test_five_points_of_68() -> None:
    landmarks = np.random.default_rng(3).normal(size=(68, 2))
    five = align.five_points(landmarks)
    np.testing.assert_allclose(five[0], landmarks[36:42].mean(0), rtol=1e-6)
    np.testing.assert_allclose(five[2:], landmarks[[30, 48, 54]], rtol=1e-6)


def test_warp_crop_shares_pixel_centres_with_the_landmarks() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 30] = 255  # a dot whose centre is at (30.5, 20.5)
    matrix = _similarity(3.0, 0.0, (-60.0, -40.0))
    crop = align.warp_crop(image, matrix, 64).astype(float)[..., 0]
    y, x = np.mgrid[0:64, 0:64] + 0.5
    centre = np.array([(crop * x).sum(), (crop * y).sum()]) / crop.sum()
    np.testing.assert_allclose(centre, align.apply_matrix(matrix, np.array([30.5, 20.5])), atol=0.05)


def test_warp_crop_filters_before_shrinking() -> None:
    y, x = np.mgrid[0:256, 0:256]
    checker = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, -1)
    crop = align.warp_crop(checker, _similarity(0.2, 10.0, (0, 0)), 40)
    assert crop[5:-5, 5:-5].std() < 12  # the fine pattern turns grey instead of into moire
