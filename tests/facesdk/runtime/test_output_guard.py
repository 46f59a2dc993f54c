"""What networks return is looked at: NaN, infinity and constants are refused, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import BackendError
from facesdk.runtime.output_guard import LEAST_SPREAD, require_finite, require_varied


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_enough(value: float) -> None:
    answers = {"image": np.zeros((1, 3, 4, 4), np.float32), "mask": np.zeros((1, 1, 4, 4), np.float32)}
    require_finite("g.d", "b", answers)
    answers["mask"][0, 0, 2, 3] = value
    with pytest.raises(BackendError, match="g.d: mask is not finite on b"):
        require_finite("g.d", "b", answers)


def test_a_constant_is_refused_face_by_face() -> None:
    image = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32)
    assert require_varied("g", "image", image) is image
    image[1] = 0.5
    with pytest.raises(BackendError, match="image is one constant"):
        require_varied("g", "image", image)
    # Each channel a constant of its own is one colour; one channel that varies is a picture.
    image[1] = np.array([0.1, 0.2, 0.3], np.float32)[:, None, None]
    with pytest.raises(BackendError):
        require_varied("g", "image", image)
    image[1, 2, 0, 0] += 10 * LEAST_SPREAD
    require_varied("g", "image", image)


def test_vectors_and_nothing_at_all() -> None:
    require_varied("g", "codes", np.eye(2, 5, dtype=np.float32))
    require_varied("g", "mask", np.zeros((0, 1, 4, 4), np.float32))
    with pytest.raises(BackendError, match="codes"):
        require_varied("g", "codes", np.ones((2, 3, 5), np.float32))
