"""Backgrounds: equal for equal seeds, varied, and linear in light."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from train.data.face_world import background


def test_test_only_backgrounds_are_never_trained_on() -> None:
    assert set(background.TEST_ONLY_KINDS).isdisjoint(background.TRAIN_KINDS) and len(background.TEST_ONLY_KINDS) >= 3


@pytest.mark.parametrize("kind", (*background.TRAIN_KINDS, *background.TEST_ONLY_KINDS))
def test_backgrounds_are_deterministic_linear_and_varied(kind: str) -> None:
    picture = background.render_background(kind, 3, 64)
    assert picture.shape == (64, 64, 3) and picture.dtype == np.float32
    assert np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1.5
    np.testing.assert_array_equal(picture, background.render_background(kind, 3, 64))
    assert np.abs(picture - background.render_background(kind, 4, 64)).mean() > 0.005


def test_fractal_noise_has_a_natural_spectrum() -> None:
    slopes = []
    for seed in range(6):
        grey = background.render_background("fractal", seed, 128).mean(-1)
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None]) * 128
        rings = [power[(radius >= r) & (radius < 1.4 * r)].mean() for r in (3, 6, 12, 24)]
        slopes.append(np.polyfit(np.log([3, 6, 12, 24]), np.log(rings), 1)[0])
    assert -3.6 < np.mean(slopes) < -1.4  # power falls as 1 / f^2 or so


def test_unknown_background_is_an_input_error() -> None:
    with pytest.raises(InputError, match="moon"):
        background.render_background("moon", 0, 64)
