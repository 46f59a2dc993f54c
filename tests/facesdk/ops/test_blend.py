"""Pasting: what is outside the mask is the input, what is inside is the crop, at the right place."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces.align import apply_matrix, warp_crop
from facesdk.ops.blend import paste, paste_all, paste_into
from facesdk.ops.warp import Roi, antialias_sigma, crop_roi, unwarp

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (90, 120, 3), np.uint8)


def smooth(height: int = 90, width: int = 120) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(x / 17 + k) * np.cos(y / 13 - k) for k in range(3)]
    return np.rint(np.stack(waves, -1)).astype(np.uint8)


def matrix(scale: float, degrees: float, x: float, y: float, size: int) -> np.ndarray:
    """Takes the picture's point (x, y) to the middle of the crop."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([linear, (np.array([size / 2, size / 2]) - linear @ [x, y])[:, None]], 1).astype(np.float32)


@pytest.mark.parametrize("scale", [0.5, 0.93, 1.7, 4.0])
@pytest.mark.parametrize("degrees", [0, 37, 180])
def test_outside_of_the_mask_every_bit_stays(scale: float, degrees: float) -> None:
    mask = np.zeros((48, 48), np.float32)
    mask[12:36, 10:40] = RNG.random((24, 30))
    out, full, roi = paste(NOISE, 255 - NOISE[:48, :48], mask, matrix(scale, degrees, 60, 45, 48))
    assert full.shape == (90, 120) and full.max() > 0.5
    np.testing.assert_array_equal(out[full == 0], NOISE[full == 0])
    inside = np.zeros((90, 120), bool)
    inside[roi.slices] = True
    assert (full[~inside] == 0).all() and (out != NOISE).any()


def test_a_crop_goes_back_to_where_it_was_cut() -> None:
    image = smooth()
    for scale, degrees, tolerance in ((1.0, 0, 0.3), (0.8, 25, 2), (1.6, -70, 2), (3.0, 10, 3)):
        m = matrix(scale, degrees, 57.3, 44.1, 64)
        crop = warp_crop(image, m, 64)
        mask = np.zeros((64, 64), np.float32)
        mask[4:-4, 4:-4] = 1
        # On a blank copy only the pasted pixels can be right.
        out, full, _ = paste(np.zeros_like(image), crop, mask, m)
        error = np.abs(out.astype(int) - image)[full == 1]
        assert error.size > 300 and error.max() <= tolerance + 3 and error.mean() <= tolerance, (scale, error.max())


@pytest.mark.parametrize(("scale", "degrees"), [(0.5, 0), (0.7, 30), (1.9, -45)])
def test_pixel_centres_are_at_half(scale: float, degrees: float) -> None:
    # A plane is what both interpolations keep: the crop's value at (u, v) is 2u + v, pixel centres at +0.5.
    v, u = np.mgrid[0:64, 0:64] + 0.5
    m = matrix(scale, degrees, 60, 45, 64)
    roi = crop_roi(m, (12, 12, 52, 52), (90, 120))
    row, column = np.mgrid[roi.slices]
    place = apply_matrix(m, np.stack([column + 0.5, row + 0.5], -1))
    inside = ((place > 4) & (place < 60)).all(-1)
    want = (2 * place[..., 0] + place[..., 1])[inside]
    # OpenCV's bicubic kernel bends a plane by up to 0.07 pixels; a centre that is off shifts it by 0.15 and more.
    for fill in (True, False):
        error = unwarp(2 * u + v, m, roi, fill)[inside] - want
        assert np.abs(error).max() < 0.2 and abs(error.mean()) < 0.02


def test_whole_pixel_shift_is_exact() -> None:
    shift = np.array([[1, 0, -20], [0, 1, -10]], np.float32)
    crop = RNG.integers(0, 256, (16, 16, 3), np.uint8)
    out, full, roi = paste(NOISE, crop, np.ones((16, 16), np.float32), shift)
    np.testing.assert_array_equal(out[10:26, 20:36], crop)
    assert full.sum() == 256 and roi.slices[0].start <= 10


def test_half_a_mask_is_the_mean() -> None:
    black = np.zeros((40, 40, 3), np.uint8)
    shift = np.array([[1, 0, -8], [0, 1, -8]], np.float32)
    out, _, _ = paste(black, np.full((16, 16, 3), 201, np.uint8), np.full((16, 16), 0.25, np.float32), shift)
    assert set(np.unique(out)) == {0, 50} and (out[8:24, 8:24] == 50).all()


def test_a_crop_past_the_border_and_one_outside() -> None:
    mask = np.ones((32, 32), np.float32)
    crop = np.zeros((32, 32, 3), np.uint8)
    out, full, roi = paste(NOISE, crop, mask, matrix(1, 0, 0, 0, 32))
    assert (roi.x0, roi.y0) == (0, 0) and (out[:15, :15] == 0).all() and full.sum() > 200
    out, full, roi = paste(NOISE, crop, mask, matrix(1, 0, 500, 500, 32))
    assert roi.is_empty and full.sum() == 0
    np.testing.assert_array_equal(out, NOISE)
    assert out is not NOISE and not np.shares_memory(out, NOISE)


def test_an_empty_mask_changes_nothing() -> None:
    out, full, roi = paste(NOISE, NOISE[:32, :32], np.zeros((32, 32), np.float32), matrix(1, 20, 60, 45, 32))
    assert roi.is_empty and not full.any()
    np.testing.assert_array_equal(out, NOISE)


def test_region_is_no_larger_than_the_masks_reach() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[30:34, 30:34] = 1
    _, full, roi = paste(NOISE, NOISE[:64, :64], mask, matrix(1, 0, 60, 45, 64))
    assert roi.size_hw[0] <= 7 and roi.size_hw[1] <= 7 and full.sum() == pytest.approx(16)


def test_a_shrunk_crop_does_not_alias() -> None:
    # Stripes one pixel wide, shrunk five times, are grey.
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    m = matrix(5, 0, 30, 30, 80)
    assert antialias_sigma(m) > 1
    out, full, _ = paste(np.zeros((60, 60, 3), np.uint8), stripes, np.ones((80, 80), np.float32), m)
    assert np.abs(out[full > 0.999].astype(int) - 127).max() < 20


def test_region_of_a_turned_crop_holds_all_of_it() -> None:
    m = matrix(0.7, 31, 60, 45, 40)
    roi = crop_roi(m, (0, 0, 40, 40), (90, 120))
    for y in range(90):
        for x in range(120):
            u, v = apply_matrix(m, np.array([x + 0.5, y + 0.5]))
            if 0 < u < 40 and 0 < v < 40:
                assert roi.x0 <= x < roi.x1 and roi.y0 <= y < roi.y1


def test_wrong_use() -> None:
    mask, crop, m = np.ones((8, 8), np.float32), np.zeros((8, 8, 3), np.uint8), matrix(1, 0, 40, 40, 8)
    with pytest.raises(InputError, match="cannot be inverted"):
        paste(NOISE, crop, mask, np.zeros((2, 3), np.float32))
    with pytest.raises(InputError, match="not finite"):
        paste(NOISE, crop, np.full((8, 8), np.nan, np.float32), m)
    with pytest.raises(InputError, match=r"mask \(h, w\)"):
        paste(NOISE, crop, mask[:4], m)
    with pytest.raises(InputError, match="uint8 picture"):
        paste(NOISE.astype(np.float32), crop, mask, m)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="region is empty"):
        unwarp(mask, m, Roi(3, 3, 3, 9), fill=False)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.1, 0.35, 0.8, 1.0, 1.3, 2.5, 5.0])
@pytest.mark.parametrize("size_hw", [(40, 33), (7, 64), (1, 1)])
def test_native_equals_the_reference(level: str, dtype: type, scale: float, size_hw: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    crop, mask = (rng.random((*size_hw, 3)) * 255).astype(dtype), rng.random(size_hw).astype(np.float32)
    mask[mask < 0.3] = 0
    unequal = 0
    for degrees, x, y in ((0, 60, 45), (33, 60, 45), (180, 0, 0), (-91, 120, 90)):
        m = matrix(scale, degrees, x, y, size_hw[1])
        want, want_full, want_roi = paste(NOISE, crop, mask, m, impl="numpy")
        out, full, roi = paste(NOISE, crop, mask, m, impl="native")
        assert roi == want_roi and np.abs(out.astype(int) - want).max() <= 1
        # The least mask that counts is 0.0016: a rounding may put a pixel on either side of it.
        np.testing.assert_allclose(full, want_full, atol=2e-3)
        np.testing.assert_array_equal(out[full == 0], NOISE[full == 0])
        unequal += (out != want).sum()
        threaded, threaded_full, _ = paste(NOISE, crop, mask, m, threads=3, impl="native")
        np.testing.assert_array_equal(threaded, out)
        np.testing.assert_array_equal(threaded_full, full)
    assert unequal <= 1e-3 * 4 * NOISE.size


@pytest.mark.parametrize("impl", ["numpy", "native"])
def test_in_place_changes_what_paste_changes(impl: str, module: object) -> None:
    crop, mask, m = 255 - NOISE[:48, :48], RNG.random((48, 48)).astype(np.float32), matrix(0.7, 20, 60, 45, 48)
    want, full, _ = paste(NOISE, crop, mask, m, impl=impl)  # type: ignore[arg-type]
    # A view with rows apart, and one whose pixels are not side by side.
    for image in (np.full((90, 130, 3), 7, np.uint8)[:, 5:125], np.zeros((90, 120, 3), np.uint8)[..., ::-1]):
        image[...] = NOISE
        soft, roi = paste_into(image, crop, mask, m, impl=impl)  # type: ignore[arg-type]
        np.testing.assert_array_equal(image, want)
        np.testing.assert_array_equal(soft, full[roi.slices])
    frozen = NOISE.copy()
    frozen.setflags(write=False)
    with pytest.raises(InputError, match="read-only"):
        paste_into(frozen, crop, mask, m)


@pytest.mark.parametrize("impl", ["numpy", "native"])
@pytest.mark.parametrize("threads", [1, 2])
def test_several_crops_are_pasted_as_one_after_the_other(impl: str, threads: int, module: object) -> None:
    # Two apart, one over the second, one beside the picture, one apart from all.
    centres = ((20, 20), (90, 60), (100, 70), (900, 900), (25, 70))
    crops = [
        (RNG.random((24, 24, 3)) * 255, RNG.random((24, 24)).astype(np.float32), matrix(0.8, 30 * k, x, y, 24))
        for k, (x, y) in enumerate(centres)
    ]
    want = NOISE.copy()
    softs = [paste_into(want, *each, impl=impl) for each in crops]  # type: ignore[arg-type]
    for image in (NOISE.copy(), np.ascontiguousarray(NOISE[..., ::-1])[..., ::-1]):
        got = paste_all(image, crops, threads, impl)  # type: ignore[arg-type]
        np.testing.assert_array_equal(image, want)
        assert [roi for _, roi in got] == [roi for _, roi in softs]
        for (soft, _), (expected, _) in zip(got, softs):
            np.testing.assert_array_equal(soft, expected)
    assert paste_all(image, [], threads, impl) == []  # type: ignore[arg-type]
    before = image.copy()
    with pytest.raises(InputError, match="not finite"):
        paste_all(image, [crops[0], (crops[1][0], np.full((24, 24), np.nan, np.float32), crops[1][2])], threads)
    np.testing.assert_array_equal(image, before)


def test_regions_meet_where_they_share_a_pixel() -> None:
    roi = Roi(2, 3, 6, 8)
    assert all(roi.meets(other) and other.meets(roi) for other in (roi, Roi(5, 7, 9, 9), Roi(3, 0, 4, 20)))
    assert not any(roi.meets(other) for other in (Roi(6, 3, 9, 8), Roi(2, 0, 6, 3), Roi(0, 0, 0, 0)))
