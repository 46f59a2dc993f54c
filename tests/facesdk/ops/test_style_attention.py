"""The blending layer in one call: against its reference, and the reference against the network that is trained."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.ops.style_attention import STREAMS, StyleAttention

# Relative to the largest value; sums of up to 2048 products in float32.
TOLERANCE = {np.float32: 2e-6}


def make_weights(dim: int, ratio: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    out = {}
    for stream in STREAMS:
        layers = {f"attend_{stream}.{name}": (dim, dim) for name in ("query", "key", "value", "output")}
        norms = [f"norm_{stream}"]
        if ratio:
            layers |= {f"ffn_{stream}.1": (ratio * dim, dim), f"ffn_{stream}.3": (dim, ratio * dim)}
            norms.append(f"ffn_{stream}.0")
        for name, shape in layers.items():
            out |= {f"{name}.weight": draw(*shape), f"{name}.bias": draw(shape[0])}
        for name in norms:
            out |= {f"{name}.weight": 1 + draw(dim), f"{name}.bias": draw(dim)}
    return out


def make_tokens(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(size=shape).astype(np.float32) * 3, rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("dim", "heads", "ratio"), [(32, 1, 0), (96, 6, 2), (256, 8, 0), (256, 8, 4)])
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 18), (3, 12), (2, 7)])
def test_native_equals_the_reference(
    level: str, dtype: type, dim: int, heads: int, ratio: int, batch: int, length: int
) -> None:
    weights, (target, source) = make_weights(dim, ratio), make_tokens(batch, length, dim)
    want = StyleAttention(weights, heads, impl="numpy")(target, source)
    layer = StyleAttention(weights, heads, impl="native")
    got = layer(target, source)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, atol=TOLERANCE[dtype] * np.abs(b).max() * 4)
    for threads in (2, 5):
        for a, b in zip(layer(target, source, threads), got):
            np.testing.assert_array_equal(a, b)


def test_every_value_of_a_poisoned_output_is_written(level: str, module: object) -> None:
    layer, (target, source) = StyleAttention(make_weights(64, 2), 4, impl="native"), make_tokens(1, 5, 64)
    updates = [np.full((1, 5, 64), np.nan, np.float32) for _ in STREAMS]
    packed = [layer._packed[name] for name in STREAMS]
    module.style_attention(target, source, *packed, 4, 1e-5, *updates, 1)  # type: ignore[attr-defined]
    for a, b in zip(updates, layer(target, source)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("ratio", [0, 4])
def test_the_reference_is_the_trained_layer(ratio: int) -> None:
    torch = pytest.importorskip("torch")
    from train.models.style_swap.blending import BlendingLayer

    torch.manual_seed(0)
    layer = BlendingLayer(64, 4, ratio).double()
    weights = {name: value.detach().float().numpy() for name, value in layer.state_dict().items()}
    layer.load_state_dict({name: torch.from_numpy(value).double() for name, value in weights.items()})
    target, source = make_tokens(2, 9, 64)
    with torch.no_grad():
        want = layer(torch.from_numpy(target).double(), torch.from_numpy(source).double())
    for a, b in zip(StyleAttention(weights, 4, impl="numpy")(target, source), want):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-6)


def test_large_scores_stay_finite(level: str) -> None:
    weights = make_weights(64, 4)
    target, source = make_tokens(1, 6, 64)
    for name in list(weights):
        if "query.weight" in name or "ffn_target.1" in name:
            weights[name] = weights[name] * np.float32(300)
    got, want = (StyleAttention(weights, 4, impl=impl)(target, source) for impl in ("native", "numpy"))  # type: ignore
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(b).max())


def test_wrong_use() -> None:
    weights = make_weights(64, 4)
    with pytest.raises(InputError, match=r"weight ffn_source.3.bias \(64,\) expected, got nothing"):
        StyleAttention({name: w for name, w in weights.items() if name != "ffn_source.3.bias"}, 4)
    with pytest.raises(InputError, match="64, 256 and 5 heads"):
        StyleAttention(weights, 5)
    with pytest.raises(InputError, match=r"two \(B, L, 64\)"):
        StyleAttention(weights, 4)(*make_tokens(2, 9, 32))
    with pytest.raises(InputError, match="got 0, 0"):
        StyleAttention({}, 4)
