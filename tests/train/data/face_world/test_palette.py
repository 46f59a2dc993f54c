"""Colours of the face world: sRGB to linear light, and the tones of skin."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from train.data.face_world import palette


def test_srgb_to_linear_has_the_standards_values() -> None:
    np.testing.assert_allclose(
        palette.srgb_to_linear([0.0, 0.04045, 0.5, 1.0]), [0, 0.0031308, 0.2140411, 1], rtol=1e-4
    )


def test_darker_tone_is_darker_in_every_channel() -> None:
    tones = np.stack([palette.skin_tone(t) for t in np.linspace(0, 1, 50)])
    assert (np.diff(tones, axis=0) < 0).all()


def test_skin_tone_out_of_range_is_an_input_error() -> None:
    with pytest.raises(InputError, match="tone"):
        palette.skin_tone(1.5)
