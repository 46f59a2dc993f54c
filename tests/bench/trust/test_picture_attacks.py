"""What is done to pictures before their mark is read: there are pictures enough, and each attack changes them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.trust.picture_attacks import ATTACKS, cropped, turned
from bench.trust.pictures import natural_pictures


def test_pictures_and_attacks() -> None:
    pytest.importorskip("skimage")
    pictures = natural_pictures()
    assert len(pictures) >= 16 and min(min(p.shape[:2]) for p in pictures.values()) >= 128
    image = pictures["astronaut 0,0"]
    for name, (attack, _) in ATTACKS.items():
        out = attack(image)
        assert out.dtype == np.uint8 and out.ndim == 3 and out.shape[2] == 3, name
        assert name == "none" or out.shape != image.shape or (out != image).any(), name
    assert cropped(image, 0.7).shape == (358, 358, 3)
    np.testing.assert_array_equal(turned(image, 0.0), image)
