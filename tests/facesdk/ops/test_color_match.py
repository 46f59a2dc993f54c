"""Colour matching: fixed points, closed forms, limits."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.ops.color_match import _LAB, _LMS, _from_lab, _to_lab, color_match

RNG = np.random.default_rng(0)
FACE = np.clip(RNG.normal((190, 140, 110), 18, (32, 32, 3)), 20, 235).astype(np.uint8)
FULL = np.ones((32, 32), np.float32)


def test_colour_space_round_trip_and_axes() -> None:
    np.testing.assert_allclose(_from_lab(_to_lab(FACE)), FACE, atol=0.05)
    # Grey has equal cone responses (the matrix' rows sum to nearly 1), so both opponent channels are nearly 0.
    grey = _to_lab(np.full((1, 1, 3), 128, np.uint8))[0, 0]
    assert abs(grey[1]) < 0.01 and abs(grey[2]) < 0.01
    np.testing.assert_allclose(_LAB @ _LAB.T, np.eye(3), atol=1e-6)
    assert _LMS.shape == (3, 3)


def test_matching_a_picture_with_itself_changes_nothing() -> None:
    np.testing.assert_allclose(color_match(FACE, FACE, FULL), FACE, atol=0.05)


def test_another_light_is_undone() -> None:
    # A light of another colour scales the cone responses: in the logarithm that is a shift of the means.
    lit = np.clip((FACE @ _LMS.T * [0.7, 0.8, 0.9]) @ np.linalg.inv(_LMS).T, 0, 255)
    before = np.abs(lit - FACE).mean()
    after = np.abs(color_match(lit, FACE, FULL) - FACE).mean()
    assert before > 25 and after < 1.5


def test_moments_become_the_references() -> None:
    reference = np.clip(RNG.normal((120, 130, 150), 15, FACE.shape), 0, 255)
    out = _to_lab(color_match(FACE, reference, FULL, max_gain=10))
    want = _to_lab(reference)
    np.testing.assert_allclose(out.mean((0, 1)), want.mean((0, 1)), atol=2e-3)
    np.testing.assert_allclose(out.std((0, 1)), want.std((0, 1)), rtol=0.03)


def test_only_the_mask_is_compared() -> None:
    mask = FULL.copy()
    mask[:, 16:] = 0
    reference = FACE.copy()
    reference[:, 16:] = (0, 255, 0)
    np.testing.assert_allclose(color_match(FACE, reference, mask), FACE, atol=0.05)


def test_strength_and_gain_are_limits() -> None:
    reference = np.clip(FACE.astype(np.float32) * 0.6, 0, 255)
    np.testing.assert_allclose(color_match(FACE, reference, FULL, strength=0), FACE, atol=0.05)
    half, whole = color_match(FACE, reference, FULL, strength=0.5), color_match(FACE, reference, FULL)
    assert FACE.mean() > half.mean() + 5 and half.mean() > whole.mean() + 5
    flat = np.full_like(FACE, 128) + RNG.integers(0, 2, FACE.shape).astype(np.uint8)
    source, stretched = _to_lab(flat).std((0, 1)), _to_lab(color_match(flat, FACE, FULL, max_gain=2)).std((0, 1))
    np.testing.assert_allclose(stretched / source, 2, rtol=0.05)


def test_black_and_white_stay_finite() -> None:
    for level in (0, 255):
        out = color_match(np.full((8, 8, 3), level, np.uint8), FACE[:8, :8], np.ones((8, 8), np.float32))
        assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 255


def test_wrong_use() -> None:
    with pytest.raises(InputError, match="mask weighs 4.0 pixels"):
        mask = np.zeros((32, 32), np.float32)
        mask[:2, :2] = 1
        color_match(FACE, FACE, mask)
    with pytest.raises(InputError, match="expected, got"):
        color_match(FACE, FACE[:8], FULL)
    with pytest.raises(InputError, match="mask weighs nan"):
        color_match(FACE, FACE, np.full((32, 32), np.nan, np.float32))
    with pytest.raises(InputError, match="strength"):
        color_match(FACE, FACE, FULL, strength=2)
