from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from export.families.style_swap import style_swap_family
from export.fuse_adain import fuse_adain
from export.parity import open_backend
from export.to_onnx import to_onnx
from export.torch_graph import TorchGraph, float32
from train.models.style_swap import PRESETS, StyleSwap
from train.models.style_swap.synthesis import adain

EPSILON = 3e-3
X = float32("x", "batch", 6, 8, 10)


class Statistics(nn.Module):
    """Scale and shift that depend on the picture, so that nothing folds into a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 12)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        gamma, beta = self.linear(x.mean((2, 3)) + x.amax((2, 3))).chunk(2, 1)
        return gamma, beta


def _trace(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> tuple[TorchGraph, onnx.ModelProto]:
    torch.manual_seed(0)
    net = Statistics().eval()

    def run(x: Tensor) -> Tensor:
        # A mean far from zero and a small deviation: the order of the operations would show.
        return function(x * 0.3 + 2.0, *net(x))

    graph = TorchGraph("test", "adain", run, (X,), (float32("y", *X.shape),), (net,), float32("p", "batch", 3, 8, 10),
                       from_pictures=lambda p: (torch.cat([p, p.flip(-1)], 1),))  # fmt: skip
    return graph, to_onnx(graph)


def _count(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_the_decoders_adain_becomes_one_operator_with_the_same_values() -> None:
    graph, model = _trace(lambda x, gamma, beta: adain(x, gamma, beta, EPSILON))
    fused = fuse_adain(model)
    before, after = _count(model), _count(fused)
    assert before["InstanceNormalization"] == 0 and after["InstanceNormalization"] == 1
    # The means that make gamma and beta stay, those of the statistics are gone.
    assert after["Sqrt"] == after["ReduceSum"] == 0 and sum(after.values()) < sum(before.values()) - 12
    node = next(n for n in fused.graph.node if n.op_type == "InstanceNormalization")
    assert onnx.helper.get_attribute_value(node.attribute[0]) == pytest.approx(EPSILON)
    for batch in (1, 3):
        feeds = graph.sample(np.random.default_rng(batch), {"batch": batch})
        got = open_backend("onnxruntime", graph, fused.SerializeToString()).run(feeds)["y"]
        np.testing.assert_allclose(got, graph.run_torch(feeds)["y"], atol=2e-5)


def test_an_epsilon_that_the_tracer_dropped_comes_back() -> None:
    graph, model = _trace(lambda x, gamma, beta: adain(x, gamma, beta, 1e-8))
    fused = fuse_adain(model)
    node = next(n for n in fused.graph.node if n.op_type == "InstanceNormalization")
    assert onnx.helper.get_attribute_value(node.attribute[0]) == pytest.approx(1e-8)
    feeds = graph.sample(np.random.default_rng(0))
    got = open_backend("onnxruntime", graph, fused.SerializeToString()).run(feeds)["y"]
    np.testing.assert_allclose(got, graph.run_torch(feeds)["y"], atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        # The mean of something else; a variance about another value; the wrong number of pixels.
        lambda x, g, b: _spelt(x, x * 2, x, 80.0, g, b),
        lambda x, g, b: _spelt(x, x, x + 1, 80.0, g, b),
        lambda x, g, b: _spelt(x, x, x, 79.0, g, b),
    ],
)
def test_what_only_looks_like_adain_is_left_alone(other: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    graph, model = _trace(other)
    fused = fuse_adain(model)
    assert _count(fused)["InstanceNormalization"] == 0
    feeds = graph.sample(np.random.default_rng(0))
    got = open_backend("onnxruntime", graph, fused.SerializeToString()).run(feeds)["y"]
    np.testing.assert_allclose(got, graph.run_torch(feeds)["y"], atol=1e-4)


def test_the_spelling_of_the_tests_above_is_found_when_it_is_right() -> None:
    _, model = _trace(lambda x, g, b: _spelt(x, x, x, 80.0, g, b))
    assert _count(fuse_adain(model))["InstanceNormalization"] == 1


def _spelt(x: Tensor, for_mean: Tensor, for_variance: Tensor, pixels: float, gamma: Tensor, beta: Tensor) -> Tensor:
    mean = for_mean.sum((2, 3), keepdim=True) / pixels
    centred = x - for_variance.mean((2, 3), keepdim=True)
    scale = torch.rsqrt((centred * centred).mean((2, 3), keepdim=True) + EPSILON) * gamma[:, :, None, None]
    return x * scale + (beta[:, :, None, None] - mean * scale)


def test_every_layer_of_the_decoder_is_found() -> None:
    torch.manual_seed(0)
    net = StyleSwap(PRESETS["tiny"]).eval()
    graph = next(g for g in style_swap_family(net, {}).graphs if g.name == "decoder")
    assert _count(fuse_adain(to_onnx(graph)))["InstanceNormalization"] == PRESETS["tiny"].decoder.styles


def test_a_graph_without_adain_is_the_same(model: onnx.ModelProto) -> None:
    assert fuse_adain(model) == model
