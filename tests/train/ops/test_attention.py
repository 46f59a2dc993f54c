"""Attention on a CUDA device against the NumPy references, over data types and odd sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from facesdk.ops.gated_attention import gated_attention as reference
from facesdk.ops.style_attention import StyleAttention
from train.models.style_swap.blending import BlendingLayer
from train.ops.attention import gated_attention, style_attention

# Relative to values of order 1.
ROUNDING = {torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


# Less than a tile of rows, one, more; rows that do not fill a tile; more than 32 tokens.
@pytest.mark.parametrize("shape", [(1, 1, 32), (1, 18, 64), (2, 7, 96), (1, 35, 64), (3, 18, 512), (2, 12, 256)])
@pytest.mark.parametrize("ratio", [0, 2])
def test_style_attention_equals_the_reference(gpu: str, shape: tuple[int, int, int], ratio: int) -> None:
    torch.manual_seed(0)
    batch, length, dim = shape
    heads = max(1, dim // 64)
    layer = BlendingLayer(dim, heads, ratio).eval()
    for dtype, tolerance in ROUNDING.items():
        layer = layer.to(dtype)
        tokens = [torch.randn(shape).to(dtype) for _ in range(2)]
        state = {name: value.float().numpy() for name, value in layer.state_dict().items()}
        want = StyleAttention(state, heads, impl="numpy")(*(x.float().numpy() for x in tokens))
        weights = {name: value.to(gpu) for name, value in layer.state_dict().items()}
        with filled_with_nan():
            got = style_attention(weights, heads, *(x.to(gpu) for x in tokens))
        for mine, its in zip(got, want):
            assert mine.dtype == dtype
            np.testing.assert_allclose(mine.float().cpu().numpy(), its, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("tokens", [(1, 0), (1, 4), (63, 1), (64, 0), (65, 16), (130, 77)])
def test_gated_attention_equals_the_reference(gpu: str, width: int, tokens: tuple[int, int]) -> None:
    batch, heads, (length, extra) = 2, 3, tokens
    for dtype in (torch.float16, torch.bfloat16):
        if dtype == torch.bfloat16 and torch.cuda.get_device_capability(gpu)[0] < 8:
            continue
        generator = torch.Generator().manual_seed(0)
        sizes = (length, length, length, extra, extra)
        given = [torch.randn(batch, n, heads * width, generator=generator).to(dtype) for n in sizes]
        # Scores from flat to steep: the largest of a row stands in any tile.
        given[0] *= 3
        want = reference(*(x.float().numpy() for x in given), heads, alpha=0.7)
        with filled_with_nan():
            got = gated_attention(*(x.to(gpu) for x in given), heads, torch.tensor(0.7, device=gpu))
        np.testing.assert_allclose(got.float().cpu().numpy(), want, rtol=ROUNDING[dtype], atol=ROUNDING[dtype])


def test_tensors_elsewhere_are_refused() -> None:
    x = torch.zeros(1, 2, 80, dtype=torch.float16)
    with pytest.raises(InputError, match="on a CUDA device expected, got cpu"):
        gated_attention(x, x, x, x, x, 2)
    with pytest.raises(InputError, match="on a CUDA device expected, got cpu"):
        style_attention({}, 1, x, x)


class filled_with_nan:
    """New memory of torch holds NaN: what a kernel does not write is seen."""

    def __enter__(self) -> None:
        torch.use_deterministic_algorithms(True, warn_only=True)

    def __exit__(self, *_: object) -> None:
        torch.use_deterministic_algorithms(False)
