from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.engine.graph import engine_graph, half_share, unpack_weights
from export.to_fp16 import PRECISIONS, compute_fp16, convert
from export.torch_graph import TorchGraph, float32
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.onnx_session import OnnxSession


def _run(graph: TorchGraph, model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    spec = GraphSpec("", "", 0, "fp16", graph.inputs, graph.outputs)
    return OnnxSession(graph.key, spec, model.SerializeToString(), 1).run(feeds)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_of_a_pack_becomes_a_float16_graph(
    graph: TorchGraph, model: onnx.ModelProto, precision: str
) -> None:
    half = engine_graph(convert(model, precision).SerializeToString(), precision)
    kinds = {weight.name: weight.data_type for weight in half.graph.initializer}
    factors = {name for node in half.graph.node if node.op_type in ("Conv", "MatMul", "Gemm") for name in node.input}
    assert len(factors & set(kinds)) >= 5 and {kinds[n] for n in factors & set(kinds)} == {TensorProto.FLOAT16}
    assert {node.op_type for node in half.graph.node}.isdisjoint({"DequantizeLinear"})
    feeds = graph.sample(np.random.default_rng(5), {"batch": 3})
    got, want = _run(graph, half, feeds), graph.run_torch(feeds)
    for name, value in want.items():
        assert np.abs(got[name] - value).mean() < 0.02 * np.abs(value).max(), (precision, name)
    assert all(v.type.tensor_type.elem_type == TensorProto.FLOAT for v in (*half.graph.input, *half.graph.output))


def test_unpacking_gives_the_weights_back(model: onnx.ModelProto) -> None:
    stored = convert(model, "fp16-weights")
    unpack_weights(stored.graph)
    want = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    got = {w.name: numpy_helper.to_array(w) for w in stored.graph.initializer}
    # The product of two weights, noise and its strengths, is still a product.
    assert set(got) == set(want) and len(stored.graph.node) == len(model.graph.node)
    for name, values in want.items():
        rounded = values.astype(np.float16).astype(values.dtype) if values.size >= 256 else values
        np.testing.assert_array_equal(got[name], rounded)


def test_int8_scales_are_put_on_the_axis_that_the_node_names() -> None:
    values = np.arange(6, dtype=np.int8).reshape(2, 3)
    for axis, scale in ((0, np.array([1.0, 10.0], np.float32)), (1, np.array([1.0, 10.0, 100.0], np.float32))):
        node = helper.make_node("DequantizeLinear", ["w", "s"], ["y0"], axis=axis)
        add = helper.make_node("Add", ["x", "y0"], ["y"])
        edges = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("x", "y")]
        weights = [numpy_helper.from_array(values, "w"), numpy_helper.from_array(scale, "s")]
        graph = helper.make_graph([node, add], "g", edges[:1], edges[1:], weights)
        unpack_weights(graph)
        (weight,) = graph.initializer
        want = values * (scale[:, None] if axis == 0 else scale[None])
        np.testing.assert_array_equal(numpy_helper.to_array(weight), want)
        assert [n.op_type for n in graph.node] == ["Add"]


def _angle_model() -> onnx.ModelProto:
    """sin(1000 t) of times between 0 and 1, by way of an Unsqueeze as in the networks."""
    nodes = [
        helper.make_node("Unsqueeze", ["time", "axis"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["angle"]),
        helper.make_node("Sin", ["angle"], ["sine"]),
        helper.make_node("Mul", ["sine", "gain"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.array([[1000.0]], np.float32), "scale"),
        numpy_helper.from_array(np.ones((1, 1), np.float32), "gain"),
    ]
    edges = [helper.make_tensor_value_info("time", TensorProto.FLOAT, ["batch"])]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])]
    graph = helper.make_graph(nodes, "g", edges, out, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_sines_of_large_angles_keep_float32() -> None:
    time = np.random.default_rng(0).uniform(0, 1, 64).astype(np.float32)
    spec = GraphSpec("", "", 0, "fp16", (float32("time", "batch"),), (float32("y", "batch", 1),))

    def error(model: onnx.ModelProto) -> float:
        got = OnnxSession("g", spec, model.SerializeToString(), 1).run({"time": time})["y"][:, 0]
        return float(np.abs(got - np.sin(1000.0 * time)).max())

    assert error(engine_graph(_angle_model().SerializeToString(), "fp32")) < 2e-3
    # Without the island the answer is any number: the test above can fail.
    assert error(compute_fp16(_angle_model())) > 0.1


def test_half_share() -> None:
    assert half_share({"HALF": 3, "FLOAT": 1}) == 0.75 and half_share({}) == 1.0 and half_share({"FLOAT": 2}) == 0.0
