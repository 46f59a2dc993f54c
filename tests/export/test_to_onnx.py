from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from torch import Tensor, nn

from export.parity import open_backend
from export.to_onnx import OPSET, to_onnx
from export.torch_graph import TorchGraph, float32
from facesdk.errors import FacesdkError


def _dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_names_and_shapes_are_the_specifications(graph: TorchGraph, model: onnx.ModelProto) -> None:
    got = {v.name: _dims(v) for v in [*model.graph.input, *model.graph.output]}
    assert got == {t.name: list(t.shape) for t in [*graph.inputs, *graph.outputs]}
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_batch_is_dynamic_and_values_are_torchs(graph: TorchGraph, model: onnx.ModelProto, batch: int) -> None:
    feeds = graph.sample(np.random.default_rng(batch), {"batch": batch})
    got = open_backend("onnxruntime", graph, model.SerializeToString()).run(feeds)
    for name, want in graph.run_torch(feeds).items():
        assert got[name].shape[0] == batch
        np.testing.assert_allclose(got[name], want, atol=2e-5)


def test_nothing_of_this_machine_is_in_the_file(model: onnx.ModelProto) -> None:
    data = model.SerializeToString()
    assert not re.findall(rb"site-packages|\.py\b|File \"|/work|/home|/usr|/tmp|\\Users", data)
    assert not model.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_two_exports_are_equal_byte_for_byte(graph: TorchGraph, model: onnx.ModelProto) -> None:
    again = to_onnx(graph).SerializeToString(deterministic=True)
    assert again == model.SerializeToString(deterministic=True)


def test_noise_times_weight_is_not_stored_as_one_large_constant(graph: TorchGraph, model: onnx.ModelProto) -> None:
    parameters = sum(t.numel() for t in graph.owners[0].state_dict().values())
    stored = sum(int(np.prod(w.dims)) for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT)
    assert stored < parameters + 100


def test_height_and_width_can_be_dynamic_multiples() -> None:
    net = nn.Conv2d(3, 4, 3, stride=8, padding=1).eval()

    def cells(image: Tensor) -> Tensor:
        return net(image).permute(0, 2, 3, 1).reshape(image.shape[0], -1, 2)

    image = float32("image", "batch", 3, "height", "width")
    graph = TorchGraph(
        "test", "cells", cells, (image,), (float32("score", "batch", "anchors", 2),), (net,), image,
        multiples={"height": 32, "width": 32}, example_sizes={"batch": 2, "height": 64, "width": 96},
    )  # fmt: skip
    session = open_backend("onnxruntime", graph, to_onnx(graph).SerializeToString())
    for height, width in ((32, 160), (96, 64)):
        feeds = graph.sample(np.random.default_rng(0), {"batch": 1, "height": height, "width": width})
        out = session.run(feeds)["score"]
        assert out.shape == (1, height // 8 * (width // 8) * 2, 2)
        np.testing.assert_allclose(out, graph.run_torch(feeds)["score"], atol=1e-5)


def test_a_wrong_output_shape_is_refused(graph: TorchGraph) -> None:
    wrong = replace(graph, outputs=(float32("picture", "batch", 3, 64, 64), graph.outputs[1]))
    with pytest.raises(FacesdkError, match=r"picture has the shape .*32, 32.*expected .*64, 64"):
        to_onnx(wrong)


def test_an_axis_that_the_network_fixes_is_refused() -> None:
    net = nn.Linear(4, 4).eval()
    picture = float32("image", "batch", 3, 4, 4)

    def pooled(image: Tensor) -> Tensor:
        return net(image).mean(0, keepdim=True)

    graph = TorchGraph("test", "pooled", pooled, (picture,), (float32("y", "batch", 3, 4, 4),), (net,), picture)
    with pytest.raises(FacesdkError, match=r"y has the shape \[1, 3, 4, 4\].*expected \['batch', 3, 4, 4\]"):
        to_onnx(graph)


def test_a_network_that_branches_on_values_is_refused() -> None:
    net = nn.Linear(4, 4).eval()
    picture = float32("image", "batch", 3, 4, 4)

    def branching(image: Tensor) -> Tensor:
        return net(image) if image.sum() > 0 else image

    graph = TorchGraph("test", "branching", branching, (picture,), (float32("y", "batch", 3, 4, 4),), (net,), picture)
    with pytest.raises(FacesdkError, match="test.branching: torch cannot trace"):
        to_onnx(graph)
