from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.calibrated_int8 import calibrate_int8
from facesdk.runtime.onnx_session import import_onnxruntime


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "v"], ["y"], name="second", pads=[1, 1, 1, 1]),
    ]
    weights = {"w": rng.normal(0, 0.3, (8, 3, 3, 3)), "v": rng.normal(0, 0.2, (4, 8, 3, 3))}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, 12, 12])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    data = model.SerializeToString()
    session = import_onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def test_products_are_int8_and_near(model: onnx.ModelProto) -> None:
    rng = np.random.default_rng(1)
    batches = [{"x": rng.uniform(-1, 1, (1, 3, 12, 12)).astype(np.float32)} for _ in range(4)]
    before = model.SerializeToString()
    packed = calibrate_int8(model, batches)
    assert model.SerializeToString() == before
    stored = [w for w in packed.graph.initializer if w.data_type == TensorProto.INT8]
    assert {tuple(w.dims) for w in stored if len(w.dims) == 4} == {(8, 3, 3, 3), (4, 8, 3, 3)}
    want, got = _run(model, batches[0]["x"]), _run(packed, batches[0]["x"])
    assert 0 < np.abs(got - want).mean() < 0.02 * np.abs(want).max()


def test_the_ranges_are_those_that_were_seen(model: onnx.ModelProto) -> None:
    narrow = calibrate_int8(model, [{"x": np.full((1, 3, 12, 12), 0.1, np.float32)}])
    x = np.random.default_rng(2).uniform(-1, 1, (1, 3, 12, 12)).astype(np.float32)
    want = _run(model, x)
    # What was never seen is clipped.
    assert np.abs(_run(narrow, x) - want).mean() > 0.2 * np.abs(want).mean()


def test_a_node_may_be_left_out(model: onnx.ModelProto) -> None:
    kept = calibrate_int8(model, [{"x": np.ones((1, 3, 12, 12), np.float32)}], skip=["second"])
    names = {w.name for w in kept.graph.initializer if w.data_type == TensorProto.FLOAT}
    assert "v" in names and "w" not in names
