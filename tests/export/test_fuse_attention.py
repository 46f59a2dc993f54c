from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.families.by_name import untrained_family
from export.fuse_attention import DOMAIN, OPERATOR, fuse_attention
from export.parity import check_parity
from export.to_fp16 import convert
from export.to_onnx import to_onnx
from export.torch_graph import TorchGraph
from facesdk.runtime.onnx_session import import_onnxruntime


@pytest.fixture(scope="module")
def blending() -> TorchGraph:
    torch.set_num_threads(1)
    return next(graph for graph in untrained_family("style_swap", "tiny").graphs if graph.name == "blending")


@pytest.fixture(scope="module")
def traced(blending: TorchGraph) -> onnx.ModelProto:
    return to_onnx(blending)


def _kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("precision", ["fp32", "fp16-weights"])
def test_every_attention_of_the_blending_is_one_operator(
    blending: TorchGraph, traced: onnx.ModelProto, precision: str
) -> None:
    model = convert(traced, precision)  # type: ignore[arg-type]
    fused = fuse_attention(model)
    count = _kinds(model).count("Softmax")
    assert count == 4 and _kinds(fused).count(OPERATOR) == count
    assert not {"Softmax", "Transpose", "Slice", "Shape"} & set(_kinds(fused))
    made = next(node for node in fused.graph.node if node.op_type == OPERATOR)
    values = {a.name: helper.get_attribute_value(a) for a in made.attribute}
    # dim 16 in two heads: 1 / sqrt(8).
    assert values["num_heads"] == 2 and values["scale"] == pytest.approx(8**-0.5, rel=1e-5) and made.domain == DOMAIN
    rows = check_parity(blending, fused.SerializeToString(), None, ("onnxruntime",))
    assert all(row.ok for row in rows) and max(row.mean_abs for row in rows) < 1e-3


def test_it_gives_what_the_products_give(traced: onnx.ModelProto) -> None:
    runtime = import_onnxruntime()
    rng = np.random.default_rng(0)
    for batch in (1, 3):
        # Large codes, so that the softmax is far from even.
        feeds = {
            value.name: (8 * rng.standard_normal((batch, *(d.dim_value for d in value.type.tensor_type.shape.dim[1:]))))
            .astype(np.float32)
            for value in traced.graph.input
        }  # fmt: skip
        want, got = (
            runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
            for model in (traced, fuse_attention(traced))
        )
        np.testing.assert_allclose(got, want, atol=2e-5 * np.abs(want).max())


def test_other_softmaxes_stay(traced: onnx.ModelProto) -> None:
    # Another axis; scores that somebody else reads; a graph without any.
    for change in ("axis", "reader"):
        model = onnx.ModelProto()
        model.CopyFrom(traced)
        for node in [one for one in model.graph.node if one.op_type == "Softmax"]:
            if change == "axis":
                del node.attribute[:]
                node.attribute.append(helper.make_attribute("axis", 1))
            else:
                model.graph.output.append(helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
        assert fuse_attention(model) == model
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    shapes = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 4]) for name in ("x", "y")]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["y"])]
    plain = helper.make_model(helper.make_graph(nodes, "g", shapes[:1], shapes[1:], [weight]))
    assert fuse_attention(plain) == plain
