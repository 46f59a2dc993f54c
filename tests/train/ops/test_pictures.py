"""Crops and pasting on a CUDA device against the CPU's ops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from facesdk.ops import blend
from facesdk.ops.blend import MIN_MASK
from facesdk.ops.warp import antialias
from facesdk.ops.warp_crop import warp_crop as cpu_warp_crop
from train.ops.pictures import paste_into, warp_crop

RNG = np.random.default_rng(0)


def turned(scale: float, degrees: float, x: float, y: float, size: int) -> np.ndarray:
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([linear, (np.array([size / 2, size / 2]) - linear @ [x, y])[:, None]], 1)


# Enlarged, shrunk without and with a blur, at the picture's corner and beside it.
MATRICES = [
    (2.3, 10, 40, 30),
    (0.7, -33, 50, 40),
    (0.3, 200, 60, 40),
    (0.11, 5, 10, 5),
    (1.0, 0, 0, 0),
    (1.1, 3, -90, 20),
]


@pytest.mark.parametrize("hw", [(83, 121), (1, 1), (2, 300)])
@pytest.mark.parametrize("size", [1, 17, 64])
def test_crops_equal_the_reference(gpu: str, hw: tuple[int, int], size: int) -> None:
    image = RNG.integers(0, 256, (*hw, 3), np.uint8)
    matrices = [turned(*move, size) for move in MATRICES]
    for order in ("rgb", "bgr"):
        want = cpu_warp_crop(image, matrices, size, 1.0, 0.0, order, impl="numpy")
        for dtype in (torch.float32, torch.float16):
            got = warp_crop(torch.from_numpy(image).to(gpu), matrices, size, 1.0, 0.0, order, dtype)
            assert got.dtype == dtype and got.shape == want.shape
            # Where float32 rounds a value to the next level, as on the CPU.
            off = np.abs(got.float().cpu().numpy() - want)
            assert off.max() <= 1 and (off > 0).mean() < 1e-3 + 1 / off.size


@pytest.mark.parametrize("move", [(2.3, 10, 40, 30), (0.7, -33, 50, 40), (0.2, 5, 70, 50), (1.0, 0, 0, 0)])
@pytest.mark.parametrize("size", [17, 64])
def test_pasting_equals_the_reference(gpu: str, move: tuple[float, float, float, float], size: int) -> None:
    image = RNG.integers(0, 256, (97, 131, 3), np.uint8)
    crop = RNG.random((size, size, 3), np.float32) * np.float32(255)
    mask = np.zeros((size, size), np.float32)
    mask[size // 4 : -size // 4, size // 5 : -size // 5] = RNG.random(
        mask[size // 4 : -size // 4, size // 5 : -size // 5].shape
    )
    matrix = turned(*move, size)
    want = image.copy()
    soft, roi = blend.paste_into(want, crop, mask, matrix, impl="numpy")
    smooth, shown = (antialias(x, matrix, fill) for x, fill in ((crop, True), (mask, False)))
    given = torch.from_numpy(image).to(gpu)
    colors, soft_mask = (torch.from_numpy(np.ascontiguousarray(x)).to(gpu) for x in (smooth, shown))
    box = (-0.5, -0.5, size + 0.5, size + 0.5)
    got_soft, got_roi = paste_into(given, colors, soft_mask, matrix, box)
    full, got_full = (np.zeros(image.shape[:2], np.float32) for _ in range(2))
    full[roi.slices], got_full[got_roi.slices] = soft, got_soft.cpu().numpy()
    near = np.minimum(np.abs(full - MIN_MASK), np.abs(got_full - MIN_MASK)) < 1e-4
    np.testing.assert_allclose(got_full[~near], full[~near], atol=1e-4)
    got = given.cpu().numpy()
    assert np.abs(got.astype(int) - want).max() <= 1
    np.testing.assert_array_equal(got[got_full == 0], image[got_full == 0])


def test_pictures_elsewhere_are_refused() -> None:
    with pytest.raises(InputError, match="on a CUDA device expected, got cpu"):
        warp_crop(torch.zeros(4, 4, 3, dtype=torch.uint8), [], 4)
    with pytest.raises(InputError, match="on a CUDA device expected, got cpu"):
        paste_into(torch.zeros(4, 4, 3, dtype=torch.uint8), torch.zeros(1), torch.zeros(1), np.eye(2, 3), (0, 0, 1, 1))
