from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from export.fold_upsample import doubled_taps, fold_upsample
from export.parity import open_backend
from export.to_onnx import to_onnx
from export.torch_graph import TorchGraph, float32

X = float32("x", "batch", 3, 6, 10)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _trace(function: Callable[[Tensor, nn.Conv2d], Tensor], **changes: int) -> tuple[TorchGraph, onnx.ModelProto]:
    torch.manual_seed(0)
    settings = {"in_channels": 3, "out_channels": 6, "kernel_size": 3, "padding": 1, **changes}
    conv = nn.Conv2d(**settings).eval()
    with torch.no_grad():
        shape = function(torch.zeros(1, 3, 6, 10), conv).shape[1:]
    graph = TorchGraph("test", "fold", lambda x: function(x, conv), (X,), (float32("y", "batch", *shape),), (conv,), X)
    return graph, to_onnx(graph)


def _count(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def _run(graph: TorchGraph, model: onnx.ModelProto, batch: int, backend: str = "onnxruntime") -> tuple[np.ndarray, ...]:
    feeds = graph.sample(np.random.default_rng(batch), {"batch": batch})
    got = open_backend(backend, graph, model.SerializeToString()).run(feeds)
    return got[graph.outputs[0].name], graph.run_torch(feeds)[graph.outputs[0].name]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino_f32"])
def test_the_pair_becomes_one_operator_with_the_same_values(backend: str) -> None:
    graph, model = _trace(lambda x, conv: conv(_double(x)))
    folded = fold_upsample(model)
    assert _count(model) == {"Resize": 1, "Conv": 1} and _count(folded) == {"ConvTranspose": 1}
    for batch in (1, 3):
        got, want = _run(graph, folded, batch, backend)
        assert got.shape == want.shape == (batch, 6, 12, 20)
        np.testing.assert_allclose(got, want, atol=1e-5)
    # The 3x3 weight is gone from the file.
    assert {tuple(w.dims) for w in folded.graph.initializer} == {(3, 6, 4, 4), (6,)}


def test_whole_numbers_stay_exact_up_to_the_last_pixel_of_every_border() -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(-9, 10, (4, 2, 3, 3)).astype(np.float32)
    x = torch.from_numpy(rng.integers(-9, 10, (2, 2, 5, 3)).astype(np.float32))
    want = F.conv2d(_double(x), torch.from_numpy(weight), padding=1)
    got = F.conv_transpose2d(x, torch.from_numpy(doubled_taps(weight)), stride=2, padding=1)
    assert torch.equal(got, want)
    # A border that is not zero outside would be another result: the test would see it.
    other = F.conv2d(F.pad(_double(x), (1, 1, 1, 1), mode="replicate"), torch.from_numpy(weight))
    assert not torch.equal(got[..., 0, :], other[..., 0, :])


@pytest.mark.parametrize(
    ("function", "changes"),
    [
        (lambda x, conv: conv(F.interpolate(x, scale_factor=2.0, mode="bilinear")), {}),
        (lambda x, conv: conv(F.interpolate(x, scale_factor=3.0, mode="nearest")), {}),
        (lambda x, conv: conv(F.interpolate(x, scale_factor=(2.0, 1.0), mode="nearest")), {}),
        (lambda x, conv: conv(_double(x)), {"padding": 0}),
        (lambda x, conv: conv(_double(x)), {"stride": 2}),
        (lambda x, conv: conv(_double(x)), {"dilation": 2}),
        (lambda x, conv: conv(_double(x)), {"groups": 3}),
        (lambda x, conv: conv(_double(x)), {"kernel_size": 1, "padding": 0}),
        # Something else reads the doubled picture too.
        (lambda x, conv: torch.cat([conv(_double(x)), _double(x)], 1), {}),
    ],
)
def test_what_only_looks_like_the_pair_is_left_alone(
    function: Callable[[Tensor, nn.Conv2d], Tensor], changes: dict[str, int]
) -> None:
    _, model = _trace(function, **changes)
    assert fold_upsample(model) == model


def test_a_resize_that_takes_other_pixels_or_is_an_output_is_left_alone() -> None:
    def graph(mode: str, outputs: tuple[str, ...]) -> onnx.ModelProto:
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2, "h", "w"]) for name in ("x", "u", "y")
        ]
        nodes = [
            helper.make_node("Resize", ["x", "", "scales"], ["u"], mode="nearest", nearest_mode="floor",
                             coordinate_transformation_mode=mode),
            helper.make_node("Conv", ["u", "w"], ["y"], pads=[1, 1, 1, 1]),
        ]  # fmt: skip
        weights = {"scales": np.array([1, 1, 2, 2], np.float32), "w": np.ones((2, 2, 3, 3), np.float32)}
        stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
        named = [value for value in values[1:] if value.name in outputs]
        whole = helper.make_graph(nodes, "g", values[:1], named, stored)
        return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    assert _count(fold_upsample(graph("asymmetric", ("y",))))["ConvTranspose"] == 1
    for left in (graph("align_corners", ("y",)), graph("asymmetric", ("u", "y"))):
        assert fold_upsample(left) == left


def test_every_level_of_the_generators_decoder_is_folded(generator: Any) -> None:
    graph, folded = generator.graphs["decoder"], fold_upsample(generator.model("decoder"))
    # What is left is the bilinear enlargement of the linear picture.
    assert _count(folded)["ConvTranspose"] == 3 and _count(folded)["Resize"] == 1
    got, want = _run(graph, folded, 2)
    np.testing.assert_allclose(got, want, atol=1e-5)
