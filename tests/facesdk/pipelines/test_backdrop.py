"""The plain backdrop behind a face that is to be encoded."""

from __future__ import annotations

import numpy as np

from facesdk.faces.parse import Part
from facesdk.pipelines.backdrop import LEVELS, TINT, before_backdrop

S = 32
rng = np.random.default_rng(0)


def parts(size: int = S) -> np.ndarray:
    """Background on the left half."""
    out = np.zeros((5, size, size), np.float32)
    out[Part.BACKGROUND, :, : size // 2] = 1.0
    out[Part.FACE, :, size // 2 :] = 1.0
    return out


def planes(color: tuple[int, int, int]) -> np.ndarray:
    levels = np.array(color)[:, None, None] + rng.integers(-30, 31, (3, S, S))
    return (np.clip(levels, 0, 255) / 127.5 - 1).astype(np.float32)


def test_the_background_becomes_plain_in_its_own_mean_colour_and_the_face_stays():
    before = planes((100, 110, 120))
    after = before_backdrop(before, parts())
    np.testing.assert_array_equal(after[:, :, S // 2 :], before[:, :, S // 2 :])
    left = after[:, :, : S // 2]
    assert np.ptp(left, axis=(1, 2)).max() < 1e-6
    np.testing.assert_allclose(left[:, 0, 0], before[:, :, : S // 2].mean((1, 2)), atol=1e-5)
    assert after is not before


def test_its_colour_is_one_that_training_showed():
    for color in ((0, 0, 0), (255, 255, 255), (255, 0, 0)):
        levels = (before_backdrop(planes(color), parts())[:, 5, 5] + 1) * 127.5
        assert LEVELS[0] - 1e-3 <= levels.mean() <= LEVELS[1] + TINT
        assert np.abs(levels - levels.mean()).max() <= 1.5 * TINT


def test_parts_of_another_size_fit_and_without_background_nothing_changes():
    before = planes((100, 110, 120))
    after = before_backdrop(before, parts(2 * S))
    assert np.ptp(after[:, :, : S // 2 - 1], axis=(1, 2)).max() < 1e-6
    face_only = np.zeros((5, S, S), np.float32)
    np.testing.assert_array_equal(before_backdrop(before, face_only), before)
