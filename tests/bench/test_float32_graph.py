from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.float32_graph import float32_graph
from export.to_int8 import store_int8

X = np.random.default_rng(0).standard_normal((3, 96)).astype(np.float32)


def _model() -> onnx.ModelProto:
    """Two products with one weight, one with a weight of its own, a sum with a float16 weight."""
    rng = np.random.default_rng(1)
    shared, own = (rng.standard_normal((96, 96)).astype(np.float32) / 10 for _ in range(2))
    nodes = [
        helper.make_node("MatMul", ["x", "shared"], ["a"]),
        helper.make_node("MatMul", ["a", "shared"], ["b"]),
        helper.make_node("MatMul", ["b", "own"], ["c"]),
        helper.make_node("Cast", ["half"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["c", "wide"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 96])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 96])],
        [
            numpy_helper.from_array(shared, "shared"),
            numpy_helper.from_array(own, "own"),
            numpy_helper.from_array(rng.standard_normal(96).astype(np.float16), "half"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _run(data: bytes, optimised: bool = True) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], {"x": X})[0])


def test_it_computes_the_same_from_float32_weights() -> None:
    packed = store_int8(_model()).SerializeToString()
    plain = float32_graph(packed)
    model = onnx.load_model_from_string(plain)
    assert {w.data_type for w in model.graph.initializer} == {TensorProto.FLOAT}
    assert {node.op_type for node in model.graph.node} == {"MatMul", "Add"}
    assert len(plain) > 1.9 * len(packed)
    # Node by node: optimised, ONNX Runtime would round what goes into a packed product to int8, too.
    np.testing.assert_allclose(_run(plain), _run(packed, optimised=False), atol=1e-5)
    # A weight that several products share is stored once.
    assert sum(w.dims[0] == 96 and len(w.dims) == 2 for w in model.graph.initializer) == 2


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_lie_along_their_axis_and_the_zero_point_is_taken_off(axis: int) -> None:
    values = np.arange(6, dtype=np.int8).reshape(2, 3)
    scale, zero = np.array([[0.5, 2.0], [0.5, 2.0, 3.0]][axis], np.float32), np.ones((2, 3)[axis], np.int8)
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["y0"], axis=axis)
    graph = helper.make_graph(
        [node, helper.make_node("Add", ["x", "y0"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        [numpy_helper.from_array(v, n) for n, v in (("w", values), ("s", scale), ("z", zero))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    plain = onnx.load_model_from_string(float32_graph(model.SerializeToString()))
    (weight,) = plain.graph.initializer
    np.testing.assert_allclose(numpy_helper.to_array(weight), (values - 1.0) * np.expand_dims(scale, 1 - axis))


def test_a_graph_of_float32_stays_as_it_is() -> None:
    model = onnx.load_model_from_string(float32_graph(_model().SerializeToString()))
    again = onnx.load_model_from_string(float32_graph(model.SerializeToString()))
    assert again == model
