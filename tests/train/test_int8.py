"""Weights as int8: closed form, error, and that rounding twice is rounding once."""

from __future__ import annotations

import numpy as np
import torch

from train.int8 import is_rounded, quantise, rounded


def test_rounding_in_closed_form() -> None:
    matrix = np.array([[1.27, 0.0, -254.0], [-0.304, 0.0, 3.1], [0.01, 0.0, 1.0]], np.float32)
    values, scale = quantise(matrix)
    np.testing.assert_allclose(scale, [0.01, 1.0, 2.0], rtol=1e-6)
    assert values.tolist() == [[127, 0, -127], [-30, 0, 2], [1, 0, 0]]
    random = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    values, scale = quantise(random)
    assert np.abs(values * scale - random).max() <= scale.max() / 2 + 1e-7
    assert (np.abs(values).max(0) == 127).all()


def test_what_is_rounded_stays_as_it_is() -> None:
    weight = torch.randn(7, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[3] = 0.0
    once = rounded(weight)
    step = weight.flatten(1).abs().amax(1) / 127
    assert once.shape == weight.shape
    assert ((once - weight).abs().flatten(1).amax(1) <= step / 2 + 1e-7).all()
    torch.testing.assert_close(rounded(once), once, rtol=1e-6, atol=0.0)
    assert is_rounded(once) and not is_rounded(weight)
