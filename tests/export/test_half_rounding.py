from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.half_rounding import round_half
from export.to_fp16 import compute_fp16
from facesdk.errors import FacesdkError
from facesdk.runtime.onnx_session import import_onnxruntime


def _graph(*nodes: onnx.NodeProto, weights: dict[str, np.ndarray] | None = None) -> onnx.ModelProto:
    edges = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    stored = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", edges[:1], edges[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], {"x": x})[0])


def test_every_result_is_rounded_as_numpy_rounds_it() -> None:
    weights = {"a": np.float32(1.7)[None], "b": np.float32(0.3)[None], "c": np.float32(3.1)[None]}
    nodes = [
        helper.make_node("Mul", ["x", "a"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Mul", ["q", "c"], ["y"]),
    ]
    half = compute_fp16(_graph(*nodes, weights=weights))
    x = np.concatenate([np.random.default_rng(0).normal(0, s, 400) for s in (0.01, 1, 100)]).astype(np.float32)
    a, b, c = (value.astype(np.float16) for value in weights.values())
    want = ((x.astype(np.float16) * a + b) * c).astype(np.float32)
    assert np.array_equal(_run(round_half(half), x), want)
    # Left to itself the runtime rounds less.
    assert not np.array_equal(_run(half, x), want)


def test_what_float16_does_not_hold_is_no_number() -> None:
    half = compute_fp16(_graph(helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("Neg", ["s"], ["y"])))
    got = _run(round_half(half), np.array([100.0, 255.0, 300.0], np.float32))
    assert got[:2].tolist() == [-10000.0, -65024.0] and not np.isfinite(got[2])


def test_islands_keep_float32() -> None:
    nodes = [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("Log", ["e"], ["y"])]
    x = np.linspace(-5, 5, 100, dtype=np.float32)
    got = _run(round_half(compute_fp16(_graph(*nodes))), x)
    np.testing.assert_allclose(got, x, atol=2e-6)


def test_a_graph_with_functions_is_refused() -> None:
    model = _graph(helper.make_node("Neg", ["x"], ["y"]))
    model.functions.add(name="f", domain="d")
    with pytest.raises(FacesdkError, match="flat"):
        round_half(model)
