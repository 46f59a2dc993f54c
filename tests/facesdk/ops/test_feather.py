"""Feathered masks: the formula's parts, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.ops.feather import feather


def test_border_is_the_smooth_step() -> None:
    out = feather(np.ones((32, 40)), border=4, blur=0)
    step = [3 * t**2 - 2 * t**3 for t in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(out[16, :5], step, atol=1e-6)
    np.testing.assert_allclose(out[:5, 20], step, atol=1e-6)
    np.testing.assert_allclose(out, out[::-1, ::-1], atol=1e-7)
    assert out.dtype == np.float32 and (out[4:-4, 4:-4] == 1).all()


def test_blur_is_a_gaussian() -> None:
    spike = np.zeros((33, 33), np.float32)
    spike[16, 16] = 1
    out = feather(spike, border=0, blur=2)
    offset = np.arange(33) - 16
    np.testing.assert_allclose(out.sum(), 1, atol=1e-5)
    # Variance of the marginal is sigma squared.
    np.testing.assert_allclose((out.sum(0) * offset**2).sum(), 4, rtol=0.05)


def test_erosion_comes_first() -> None:
    square = np.zeros((33, 33), np.float32)
    square[8:25, 8:25] = 1
    out = feather(square, border=0, blur=0, erode=3)
    assert out[16, 11] == 1 and out[16, 10] == 0 and out[16, 21] == 1 and out[16, 22] == 0


def test_nothing_asked_changes_nothing() -> None:
    mask = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    np.testing.assert_array_equal(feather(mask, 0, 0), mask)
    assert feather(mask * 3 - 1, 0, 0).min() == 0 and feather(mask * 3 - 1, 0, 0).max() == 1


def test_wrong_use() -> None:
    with pytest.raises(InputError, match="widths >= 0"):
        feather(np.ones((4, 4)), border=-1)
    with pytest.raises(InputError, match=r"\(4, 4, 1\)"):
        feather(np.ones((4, 4, 1)))
