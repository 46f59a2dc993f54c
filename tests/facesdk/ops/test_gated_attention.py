"""The reference of gated attention against torch's layer on concatenated tokens; the kernel is tested in train.ops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from facesdk.errors import BackendError, InputError
from facesdk.ops.gated_attention import gated_attention


def draw(extra: int, heads: int = 2, width: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, n, heads * width)).astype(np.float32) for n in (5, 5, 5, extra, extra)]


@pytest.mark.parametrize("extra", [0, 1, 3])
def test_it_is_the_gated_layer_of_the_source(extra: int) -> None:
    given = draw(extra)
    query, key, value, extra_key, extra_value = map(torch.from_numpy, given)

    def split(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (2, 40)).transpose(1, 2)

    # The source asks with all tokens and drops the extra ones' answers; its gate stands behind the output layer.
    both = F.scaled_dot_product_attention(
        split(torch.cat([query, extra_key], 1)),
        split(torch.cat([key, extra_key], 1)),
        split(torch.cat([value, extra_value], 1)),
    )
    mixed = both.transpose(1, 2).flatten(2)[:, :5]
    output = torch.nn.Linear(80, 80)
    want = math.tanh(0.6) * output(mixed)
    got = torch.from_numpy(gated_attention(*given, 2, alpha=0.6))
    bias = math.tanh(0.6) * output.bias
    torch.testing.assert_close(got @ output.weight.T + bias, want, rtol=1e-5, atol=1e-5)


def test_a_gate_at_its_start_lets_nothing_through() -> None:
    assert not gated_attention(*draw(3), 2, alpha=0.0).any()
    np.testing.assert_allclose(gated_attention(*draw(3), 2), gated_attention(*draw(3), 2, alpha=20.0), rtol=1e-6)


def test_wrong_use() -> None:
    given = draw(3)
    with pytest.raises(InputError, match="the extra ones"):
        gated_attention(*given[:4], given[4][:, :2], 2)
    with pytest.raises(InputError, match="3 heads"):
        gated_attention(*given, 3)
    with pytest.raises(BackendError, match="no implementation 'native'"):
        gated_attention(*given, 2, impl="native")
