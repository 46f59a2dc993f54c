"""Aligned crops in one pass: the same pixels as OpenCV's warp, normalised and laid out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces.align import warp_crop as align_warp_crop
from facesdk.faces.crops import crop_planes, cut_crop, cut_crops, normalise
from facesdk.ops.warp_crop import warp_crop

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (97, 131, 3), np.uint8)
PICTURES = {"odd": NOISE, "narrow": NOISE[3:40, 5:9], "pixel": NOISE[:1, :1], "view": NOISE[1:90, 2:101]}
# A level of 8 bits is 1; float32 adds 127.5 / 2^23 to it.
LEVEL = 1.001
Turned = Callable[..., np.ndarray]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("scale", [0.06, 0.21, 0.49, 0.53, 0.97, 3.1])
@pytest.mark.parametrize("size", [1, 16, 37])
def test_native_equals_the_reference(level: str, picture: str, scale: float, size: int, turned: Turned) -> None:
    image = PICTURES[picture]
    places = [(0, 60, 45), (33, 60, 45), (180, 0, 0), (-91, 131, 97), (12, 500, -300)]
    matrices = [turned(scale, *place, size) for place in places]
    want = warp_crop(image, matrices, size, impl="numpy")
    got = warp_crop(image, matrices, size, impl="native")
    assert got.shape == (5, 3, size, size) and got.dtype == np.float32
    # Turned by odd angles no value lies just between two levels, and nearly every pixel is equal to the bit.
    assert np.abs(got - want).max() * 127.5 <= LEVEL
    assert (got[[1, 4]] != want[[1, 4]]).mean() <= 2e-3 or size == 1


def test_the_reference_is_alignment_and_normalisation(turned: Turned) -> None:
    matrices = [turned(scale, 20, 60, 45, 32) for scale in (0.2, 0.8, 2)]
    want = normalise(cut_crops(NOISE, matrices, 32))
    np.testing.assert_array_equal(warp_crop(NOISE, matrices, 32, impl="numpy"), want)
    assert np.abs(crop_planes(NOISE, matrices, 32) - want).max() * 127.5 <= LEVEL
    for matrix in matrices:
        difference = cut_crop(NOISE, matrix, 32).astype(int) - align_warp_crop(NOISE, matrix, 32)
        assert np.abs(difference).max() <= 1


def test_whole_pixels_are_exact(level: str) -> None:
    shift = np.array([[1, 0, -20], [0, 1, -10]], np.float32)
    got = warp_crop(NOISE, [shift], 33, scale=1, offset=0, impl="native")
    np.testing.assert_array_equal(got[0], NOISE[10:43, 20:53].transpose(2, 0, 1))


@pytest.mark.parametrize("scale", [0.3, 1.2])
def test_order_range_and_layout(level: str, scale: float, turned: Turned) -> None:
    matrix = turned(scale, 10, 60, 45, 40)
    plain = warp_crop(NOISE, [matrix], 40, scale=1, offset=0, impl="native")
    assert set(np.unique(plain)) <= set(range(256))
    np.testing.assert_array_equal(
        warp_crop(NOISE, [matrix], 40, scale=1, offset=0, order="bgr", impl="native"), plain[:, ::-1]
    )
    unit = warp_crop(NOISE, [matrix], 40, scale=1 / 255, offset=-0.5, impl="native")
    np.testing.assert_array_equal(unit, plain * np.float32(1 / 255) - np.float32(0.5))
    turned_view = np.ascontiguousarray(NOISE[..., ::-1])[..., ::-1]
    np.testing.assert_array_equal(warp_crop(turned_view, [matrix], 40, scale=1, offset=0, impl="native"), plain)


@pytest.mark.parametrize("scale", [0.15, 1.2])
def test_threads_and_a_poisoned_output(level: str, scale: float, module: ModuleType, turned: Turned) -> None:
    matrices = np.stack([turned(scale, angle, 60, 45, 53) for angle in (0, 40, 80)]).astype(np.float64)
    want = warp_crop(NOISE, list(matrices), 53, impl="native")
    for threads in (2, 7):
        for count in (1, 3):
            out = np.full((count, 3, 53, 53), np.nan, np.float32)
            module.warp_crop(NOISE, matrices[:count], 53, False, 1 / 127.5, -1.0, out, threads)
            np.testing.assert_array_equal(out, want[:count])


def test_no_crop_at_all() -> None:
    assert warp_crop(NOISE, [], 8).shape == (0, 3, 8, 8)


def test_wrong_use(turned: Turned) -> None:
    with pytest.raises(InputError, match="cannot be inverted"):
        warp_crop(NOISE, [np.zeros((2, 3), np.float32)], 8)
    with pytest.raises(InputError, match="cannot be inverted"):
        warp_crop(NOISE, [np.full((2, 3), np.nan, np.float32)], 8)
    with pytest.raises(InputError, match="uint8 picture"):
        warp_crop(NOISE[..., 0], [turned(1, 0, 4, 4, 8)], 8)
    with pytest.raises(InputError, match="500 picture pixels in one"):
        warp_crop(NOISE, [turned(0.002, 0, 4, 4, 8)], 8)
    with pytest.raises(InputError, match="order rgb or bgr"):
        warp_crop(NOISE, [turned(1, 0, 4, 4, 8)], 8, order="rbg")  # type: ignore[arg-type]
