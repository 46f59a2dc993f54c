"""Noise: normal, the same for ever, and of its own for every face."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.sampling.noise import MAX_SEED, normal_noise


def test_golden_values():
    # Worked out once; a change of these changes every face that anybody made from a seed.
    np.testing.assert_allclose(normal_noise(7, 0, 4), [-0.4586592, -1.2938583, 0.2517836, 0.8746514], atol=1e-6)
    np.testing.assert_allclose(normal_noise(7, 1, 4), [-0.4971948, -0.6941012, -0.0535306, 1.2296069], atol=1e-6)


def test_it_is_standard_normal():
    noise = np.stack([normal_noise(0, index, 256) for index in range(400)]).astype(np.float64)
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 1.0) < 0.01
    assert abs((noise**4).mean() - 3.0) < 0.1 and abs((noise**3).mean()) < 0.05
    # The two halves come of the same radii: they must not be correlated for it.
    assert abs((noise[:, :128] * noise[:, 128:]).mean()) < 0.02
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.02


def test_seed_and_index_both_count_and_the_size_does_not():
    base = normal_noise(3, 5, 8)
    np.testing.assert_array_equal(normal_noise(3, 5, 8), base)
    for other in ((5, 3), (3, 6), (4, 5), (3 + 2**32, 5)):
        assert np.abs(normal_noise(*other, 8) - base).max() > 0.1
    assert normal_noise(MAX_SEED, MAX_SEED, 7).shape == (7,) and np.isfinite(base).all()


@pytest.mark.parametrize("pair", [(-1, 0), (0, -1), (MAX_SEED + 1, 0)])
def test_numbers_out_of_range(pair: tuple[int, int]):
    with pytest.raises(InputError, match=r"2\*\*64 - 1 expected"):
        normal_noise(*pair, 4)
