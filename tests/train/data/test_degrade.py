"""Domain randomisation: geometry stays, randomness is the generator's alone."""

from __future__ import annotations

import numpy as np
import pytest

from train.data import degrade as d
from train.data.occlude import occlude


def _picture() -> np.ndarray:
    y, x = np.mgrid[0:64, 0:64]
    return np.stack([x * 4, y * 4, 255 - x * 2], -1).clip(0, 255).astype(np.uint8)


def test_same_generator_same_picture() -> None:
    one = d.degrade(_picture(), np.random.default_rng(3))
    two = d.degrade(_picture(), np.random.default_rng(3))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, d.degrade(_picture(), np.random.default_rng(4)))


def test_no_strength_changes_nothing() -> None:
    change = d.color_change(np.random.default_rng(0), strength=0.0)
    assert np.abs(change(_picture()).astype(int) - _picture()).max() <= 1


def test_color_change_is_one_camera_for_all_pictures() -> None:
    change = d.color_change(np.random.default_rng(5))
    picture = _picture()
    assert np.array_equal(change(picture)[:, :32], change(np.ascontiguousarray(picture[:, :32])))


@pytest.mark.parametrize("seed", range(12))
def test_blur_keeps_the_centre_of_a_dot(seed: int) -> None:
    image = np.zeros((65, 65, 3), np.uint8)
    image[30:35, 30:35] = 255
    out = d.blur(image, np.random.default_rng(seed)).astype(float)[..., 0]
    y, x = np.mgrid[0:65, 0:65]
    # A detour through a low resolution may move it by a fraction of a coarse pixel.
    assert abs((out * x).sum() / out.sum() - 32) < 1.5
    assert abs((out * y).sum() / out.sum() - 32) < 1.5


def test_grey_has_one_hue() -> None:
    out = d.grey_or_tint(_picture(), np.random.default_rng(1)).astype(float)
    ratio = out.reshape(-1, 3) / np.maximum(out.reshape(-1, 3).max(1, keepdims=True), 1)
    assert ratio[out.reshape(-1, 3).max(1) > 60].std(0).max() < 0.02


def test_jpeg_damages_but_keeps_the_picture() -> None:
    out = d.jpeg(_picture(), np.random.default_rng(0))
    error = np.abs(out.astype(int) - _picture()).mean()
    assert 0 < error < 25


def test_occluders_change_exactly_what_the_mask_says() -> None:
    for seed in range(10):
        out, mask = occlude(_picture(), np.random.default_rng(seed))
        assert mask.min() >= 0 and mask.max() <= 1.0001
        covered = mask > 0.99
        if covered.sum() > 50:
            assert (np.abs(out[covered].astype(int) - _picture()[covered]).max(-1) > 0).mean() > 0.8
