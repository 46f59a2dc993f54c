from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.parity import open_backend
from export.to_fp16 import FP16_MAX, compute_fp16, convert, store_fp16
from export.torch_graph import TorchGraph
from facesdk.errors import FacesdkError


def _weights(model: onnx.ModelProto, kind: int) -> dict[str, np.ndarray]:
    return {w.name: numpy_helper.to_array(w) for w in model.graph.initializer if w.data_type == kind}


def _one_node(op: str, weight: np.ndarray) -> onnx.ModelProto:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", weight.shape[-1]]) for name in ("x", "y")]
    node = helper.make_node(op, ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", value[:1], value[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_stored_weights_take_half_the_bytes(model: onnx.ModelProto) -> None:
    before = sum(w.nbytes for w in _weights(model, TensorProto.FLOAT).values())
    stored = store_fp16(model)
    after = sum(w.nbytes for kind in (TensorProto.FLOAT, TensorProto.FLOAT16) for w in _weights(stored, kind).values())
    assert 0.5 * before <= after < 0.56 * before
    assert stored.ByteSize() < 0.75 * model.ByteSize()


def test_stored_weights_change_the_output_by_their_rounding_only(graph: TorchGraph, model: onnx.ModelProto) -> None:
    """The same as torch with its weights rounded to float16: the arithmetic is still float32."""
    stored = store_fp16(model)
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    large = {name.removesuffix("_fp16") for name in _weights(stored, TensorProto.FLOAT16)}
    for weight in rounded.graph.initializer:
        if weight.name in large:
            values = numpy_helper.to_array(weight).astype(np.float16).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    feeds = graph.sample(np.random.default_rng(3), {"batch": 3})
    got = open_backend("onnxruntime", graph, stored.SerializeToString()).run(feeds)
    want = open_backend("onnxruntime", graph, rounded.SerializeToString()).run(feeds)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], atol=2e-6)


def test_small_and_large_valued_weights_stay_float32() -> None:
    assert not _weights(store_fp16(_one_node("Mul", np.ones((1, 64), np.float32))), TensorProto.FLOAT16)
    huge = np.full((1, 1024), 2 * FP16_MAX, np.float32)
    np.testing.assert_array_equal(_weights(store_fp16(_one_node("Mul", huge)), TensorProto.FLOAT)["w"], huge)
    with pytest.raises(FacesdkError, match=r"weight w reaches 1\.31e\+05"):
        compute_fp16(_one_node("Mul", huge))


def test_computing_in_half_keeps_the_edges_and_stays_close(graph: TorchGraph, model: onnx.ModelProto) -> None:
    half = compute_fp16(model)
    for value in [*half.graph.input, *half.graph.output]:
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    assert [v.name for v in half.graph.output] == [t.name for t in graph.outputs]
    convolutions = {n.input[1] for n in half.graph.node if n.op_type == "Conv"}
    assert len(convolutions) == 3 and convolutions <= set(_weights(half, TensorProto.FLOAT16))
    feeds = graph.sample(np.random.default_rng(4), {"batch": 3})
    got = open_backend("onnxruntime", graph, half.SerializeToString()).run(feeds)
    for name, want in graph.run_torch(feeds).items():
        assert np.abs(got[name] - want).mean() < 5e-3


def test_statistics_do_not_overflow_in_half() -> None:
    """A mean of squares of values near 1000 is 1e6, which float16 cannot hold."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["mean"], keepdims=1),
        helper.make_node("Sqrt", ["mean"], ["y"]),
    ]
    nodes[1].attribute.append(helper.make_attribute("noop_with_empty_axes", 0))
    nodes[1].input.append("axes")
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [axes]), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    values = np.random.default_rng(0).uniform(900, 1100, (2, 64)).astype(np.float32)
    want = np.sqrt((values**2).mean(1, keepdims=True))

    def run(converted: onnx.ModelProto) -> np.ndarray:
        # ONNX Runtime on a CPU silently computes float16 nodes in float32; the reference evaluator rounds each of them.
        with np.errstate(over="ignore"):
            return ReferenceEvaluator(converted).run(None, {"x": values})[0]

    np.testing.assert_allclose(run(compute_fp16(model)), want, rtol=2e-3)
    # Without the islands the same graph overflows: the test would see it.
    assert not np.isfinite(run(compute_fp16(model, fp32_ops=()))).all()


def test_unknown_precision_and_subgraphs_are_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(FacesdkError, match="'int8' is not known"):
        convert(model, "int8")  # type: ignore[arg-type]
    branch = helper.make_graph([], "b", [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])])
    nested = onnx.ModelProto()
    nested.CopyFrom(model)
    nested.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    with pytest.raises(FacesdkError, match="subgraphs"):
        compute_fp16(nested)


def test_fp32_is_the_graph_itself(model: onnx.ModelProto) -> None:
    assert convert(model, "fp32") is model
