"""AdaIN with noise, bias and activation: native against the float64 reference, and that against its formula."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.ops.adain import adain, aligned_empty

# Relative to values of order 1; the sums run over up to a million pixels.
TOLERANCE = {np.float32: 2e-5}
# One pixel, odd rows, below, at and above the size that stays in the first cache, planes that are taken together, in
# pairs and alone, ones that are left over, tails of every vector width.
SHAPES = [
    (1, 1, 1, 1), (1, 3, 5, 7), (2, 4, 33, 31), (1, 7, 32, 32), (1, 2, 64, 64), (1, 2, 79, 101), (3, 1, 129, 129),
    (1, 2, 257, 259),
]  # fmt: skip


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", ["", "noise", "noise weight", "bias", "noise weight bias"])
@pytest.mark.parametrize("threads", [1, 3])
def test_native_equals_the_reference(level: str, dtype: type, shape: tuple[int, ...], parts: str, threads: int) -> None:
    x, gamma, beta = values(0, *shape), values(1, *shape[:2]), values(2, *shape[:2])
    extra = {
        "noise": values(3, *shape[2:]) if "noise" in parts else None,
        "noise_weight": values(4, shape[1]) if "weight" in parts else None,
        "bias": values(5, shape[1]) if "bias" in parts else None,
        "slope": 1.0 if parts == "noise" else 0.2,
    }
    want = adain(x, gamma, beta, **extra, impl="numpy")
    before, out = x.copy(), np.full(shape, np.nan, dtype)
    got = adain(x, gamma, beta, **extra, out=out, threads=threads, impl="native")
    assert got is out
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(out, want, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert adain(x, gamma, beta, **extra, out=x, threads=threads, impl="native") is x
    np.testing.assert_array_equal(x, out)


@pytest.mark.parametrize(("shape", "threads"), [((1, 49, 256, 256), 2), ((1, 3, 1024, 1030), 1)])
def test_large_outputs_written_past_the_caches_are_the_same(level: str, shape: tuple[int, ...], threads: int) -> None:
    """Those of more than 12 MB whose planes begin with a cache line; over the input the usual stores are taken."""
    x, gamma, beta, noise = values(0, *shape), values(1, *shape[:2]), values(2, *shape[:2]), values(3, *shape[2:])
    out = aligned_empty(shape)
    out[...] = np.nan
    adain(x, gamma, beta, noise, slope=0.2, out=out, threads=threads, impl="native")
    # Three planes, of which the last one is left over from a pair, are enough for the float64 reference.
    some = [0, 1, shape[1] - 1]
    want = adain(x[:, some], gamma[:, some], beta[:, some], noise, slope=0.2, impl="numpy")
    np.testing.assert_allclose(out[:, some], want, atol=2e-5, rtol=2e-5)
    adain(x, gamma, beta, noise, slope=0.2, out=x, threads=threads, impl="native")
    np.testing.assert_array_equal(x, out)


def test_the_reference_is_the_formula() -> None:
    x, gamma, beta = values(0, 2, 3, 9, 11), values(1, 2, 3), values(2, 2, 3)
    noise, weight, bias = values(3, 9, 11), values(4, 3), values(5, 3)
    for n in range(2):
        for c in range(3):
            y = x[n, c].astype(np.float64) + weight[c] * noise + bias[c]
            y[y < 0] *= 0.1
            want = gamma[n, c] * (y - y.mean()) / np.sqrt(((y - y.mean()) ** 2).mean() + 1e-3) + beta[n, c]
            got = adain(x, gamma, beta, noise, weight, bias, slope=0.1, epsilon=1e-3, impl="numpy")[n, c]
            np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize("side", [48, 130])
def test_a_large_mean_does_not_drown_the_variance(level: str, side: int) -> None:
    x = values(0, 1, 2, side, side) + np.float32(3e4)
    gamma, beta = np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)
    out = adain(x, gamma, beta, impl="native")
    # float32 itself keeps 2e-3 of values at 3e4.
    np.testing.assert_allclose(out, adain(x, gamma, beta, impl="numpy"), atol=5e-3)
    np.testing.assert_allclose(out.std((2, 3)), 1, atol=2e-3)


def test_a_flat_plane_becomes_beta(level: str) -> None:
    x = np.full((1, 2, 17, 19), 0.1, np.float32)
    beta = np.array([[0.5, -2]], np.float32)
    out = adain(x, np.ones((1, 2), np.float32), beta, impl="native")
    np.testing.assert_allclose(out, np.broadcast_to(beta[..., None, None], out.shape), atol=1e-5)


@pytest.mark.parametrize("side", [17, 130])
def test_a_value_that_is_not_finite_stays_in_its_plane(level: str, side: int) -> None:
    x = values(0, 1, 3, side, side)
    x[0, 1, 3, 4] = np.nan
    out = adain(x, np.ones((1, 3), np.float32), np.ones((1, 3), np.float32), slope=0.2, impl="native")
    assert np.isnan(out[0, 1]).all() and np.isfinite(out[0, [0, 2]]).all()


def test_wrong_use() -> None:
    x, c = values(0, 1, 2, 4, 4), values(1, 1, 2)
    with pytest.raises(InputError, match=r"gamma \(1, 2\) float32"):
        adain(x, c[:, :1], c)
    with pytest.raises(InputError, match="float64"):
        adain(x.astype(np.float64), c, c)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not C-contiguous"):
        adain(values(0, 1, 2, 4, 8)[..., ::2], c, c)
    with pytest.raises(InputError, match="slope 0 to 1"):
        adain(x, c, c, slope=2)
    with pytest.raises(InputError, match="apart from it"):
        both = values(0, 2, 2, 4, 4)
        adain(both[:1], c, c, out=both.reshape(-1)[16:48].reshape(1, 2, 4, 4))
    with pytest.raises(InputError, match=r"x \(N, C, H, W\)"):
        adain(values(0, 2, 4, 4), c, c)
