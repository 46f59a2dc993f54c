"""The tile of the pixel mark: native against the reference to the last bit, and that against its formula."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.ops.tile_mark import BLOCK_SIDE, TILE_SIDE, MarkStrength, tile_mark

STRENGTH = MarkStrength(200, 90, 800, 200)
# One pixel, odd sides, a row, a column, below and above a tile and a band of blocks.
SIZES = [(1, 1), (1, 40), (37, 1), (7, 9), (8, 128), (33, 129), (131, 257), (200, 384)]


def tile(seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 150, (TILE_SIDE, TILE_SIDE)), -8191, 8191).astype(np.int16)


def picture(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    flat = rng.integers(0, 256, shape, np.uint8)
    # Half of it is flat, so that least, slope, cap and most all come to bear.
    flat[: shape[0] // 2] = 251
    return flat


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("channels", [0, 3])
@pytest.mark.parametrize("threads", [1, 3])
def test_native_equals_the_reference(level: str, size_hw: tuple[int, int], channels: int, threads: int) -> None:
    image = picture(*size_hw, *([channels] if channels else []))
    before = image.copy()
    want = tile_mark(image, tile(), STRENGTH, impl="numpy")
    got = tile_mark(image, tile(), STRENGTH, threads=threads, impl="native")
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(image, before)
    # In place, and in a view with rows apart.
    wide = np.full((size_hw[0], size_hw[1] + 5, *image.shape[2:]), 7, np.uint8)
    view = wide[:, 2:-3]
    view[...] = image
    assert tile_mark(view, tile(), STRENGTH, out=view, threads=threads, impl="native") is view
    np.testing.assert_array_equal(view, want)
    assert (wide[:, :2] == 7).all() and (wide[:, -3:] == 7).all()


def test_the_reference_is_the_formula() -> None:
    image, mark = picture(29, 43), tile(3)
    out = tile_mark(image, mark, STRENGTH, impl="numpy")
    rows, columns = -(-29 // BLOCK_SIDE), -(-43 // BLOCK_SIDE)
    activity = np.zeros((rows, columns), int)
    for y in range(rows):
        for x in range(columns):
            total, count = 0, 0
            for r in range(y * 8, min(y * 8 + 8, 29), 2):
                for c in range(x * 8, min(x * 8 + 8, 43)):
                    count += 1
                    total += abs(int(image[r, c + 1]) - int(image[r, c])) if c + 1 < 43 else 0
                    total += abs(int(image[r + 1, c]) - int(image[r, c])) if r + 1 < 29 else 0
            activity[y, x] = min(16 * total // count, STRENGTH.cap)
    for r, c in [(0, 0), (3, 40), (14, 17), (20, 20), (28, 42), (28, 0)]:
        y, x = r // 8, c // 8
        near = activity[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        gain = min(STRENGTH.least + int(near.sum()) // near.size * STRENGTH.slope // 16, STRENGTH.most)
        want = int(image[r, c]) + np.floor(int(mark[r, c]) * gain / 32768 + 0.5)
        assert out[r, c] == min(max(want, 0), 255)


@pytest.mark.parametrize("impl", ["numpy", "native"])
def test_the_tile_repeats_and_flat_pictures_get_the_least(impl: str, module: object) -> None:
    out = tile_mark(np.full((300, 290, 3), 100, np.uint8), tile(), MarkStrength(256, 90, 800, 200), impl=impl)  # type: ignore[arg-type]
    added = out.astype(int) - 100
    np.testing.assert_array_equal(added[128:256, 128:256], added[:128, :128])
    np.testing.assert_array_equal(added[..., 0], added[..., 2])
    np.testing.assert_array_equal(added[:128, :128, 0], (tile().astype(int) + 64) >> 7)


def test_strength_follows_the_picture_up_to_its_bounds() -> None:
    ones = np.full((TILE_SIDE, TILE_SIDE), 1280, np.int16)
    steps = np.zeros((64, 64), np.uint8)
    for height, want in ((0, 10), (2, 14), (200, 30)):
        # A difference of `height` between all neighbours of a row, and none between rows.
        steps[:, 1::2] = height
        out = tile_mark(steps, ones, MarkStrength(256, 51, 768, 16 * 200))
        assert abs(int(out[20, 20]) - want) <= 1, height


def test_wrong_use() -> None:
    image, mark = picture(16, 16), tile()
    with pytest.raises(InputError, match=r"\(H, W\) or \(H, W, 3\) uint8"):
        tile_mark(image.astype(np.float32), mark, STRENGTH)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="side by side"):
        tile_mark(image[:, ::2], mark, STRENGTH)
    with pytest.raises(InputError, match=r"\(128, 128\) int16"):
        tile_mark(image, mark[:64], STRENGTH)
    with pytest.raises(InputError, match="below 8192"):
        tile_mark(image, np.full_like(mark, 8192), STRENGTH)
    with pytest.raises(InputError, match="out of range"):
        tile_mark(image, mark, MarkStrength(9, 0, 8, 0))
    with pytest.raises(InputError, match="itself or apart"):
        tile_mark(image[:8], mark, STRENGTH, out=image[4:12])
