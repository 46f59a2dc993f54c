"""The weights of the style layer: fewer products with the convolution's own values, and their bits."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.runtime.style_weights import doubled_products, pack_products, to_bf16, winograd_products

# Transforms of the input and back, as the kernel spells them.
INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float)
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float)
DOUBLED_INPUT = np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]], float)
DOUBLED_OUTPUT = np.array([[1, 1, 0], [0, 1, 1]], float)


def convolved(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """3x3 convolution with padding 1; x (C, H, W), weight (O, C, 3, 3)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    return np.einsum("chwkl,ockl->ohw", windows, weight)


def test_sixteen_products_are_a_tile_of_the_convolution() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((5, 4, 4)), rng.standard_normal((3, 5, 3, 3))
    products = winograd_products(weight).reshape(4, 4, 5, 3)
    moved = np.einsum("ka,cab,lb->klc", INPUT, x, INPUT)
    tile = np.einsum("yk,klc,klco,xl->oyx", OUTPUT, moved, products, OUTPUT)
    np.testing.assert_allclose(tile, convolved(x, weight)[:, 1:3, 1:3], atol=1e-5)


def test_nine_products_are_two_by_two_pixels_of_the_doubled_picture() -> None:
    from export.fold_upsample import doubled_taps

    rng = np.random.default_rng(1)
    x, weight = rng.standard_normal((5, 3, 3)), rng.standard_normal((4, 5, 3, 3)).astype(np.float32)
    products = doubled_products(doubled_taps(weight))
    assert products is not None
    moved = np.einsum("ka,cab,lb->klc", DOUBLED_INPUT, x, DOUBLED_INPUT)
    tile = np.einsum("yk,klc,klco,xl->oyx", DOUBLED_OUTPUT, moved, products.reshape(3, 3, 5, 4), DOUBLED_OUTPUT)
    doubled = x.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(tile, convolved(doubled, weight)[:, 2:4, 2:4], atol=1e-5)


def test_another_transposed_convolution_is_left_alone() -> None:
    weight = np.random.default_rng(2).standard_normal((4, 4, 4, 4))
    assert doubled_products(weight) is None


def test_bits_are_the_nearest_bfloat16_ties_to_even() -> None:
    halfway = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0xBF807FFF], np.uint32).view(np.float32)
    np.testing.assert_array_equal(to_bf16(halfway), [0x3F80, 0x3F82, 0x3F81, 0xBF80])


@pytest.mark.parametrize("channels", [16, 64, 80])
def test_packing_keeps_every_weight_where_the_kernel_reads_it(channels: int) -> None:
    values = np.arange(9 * 4 * channels, dtype=np.float32).reshape(9, 4, channels) % 251
    packed = pack_products(values).view(np.uint16)
    for product, inner, outer in ((0, 0, 0), (8, 3, channels - 1), (4, 1, channels // 2)):
        start = outer // 64 * 64
        width = min(64, channels - start)
        at = start * 9 * 4 + ((product * 2 + inner // 2) * width + outer - start) * 2 + inner % 2
        assert packed[at] == to_bf16(values[product, inner, outer : outer + 1])[0]
