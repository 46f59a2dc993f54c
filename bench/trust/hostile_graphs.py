"""ONNX files that no runtime should be trusted with: damaged ones, and five that want all memory or all time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facesdk.pack import GraphSpec, TensorSpec

INPUT, OUTPUT = TensorSpec("x", "float32", (1, 3, 8, 8)), TensorSpec("y", "float32", (1,))
SPEC = GraphSpec("", "", 0, "fp32", (INPUT,), (OUTPUT,))


def seed_graph() -> bytes:
    """A whole small network: convolution, activation, pooling, product."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.normal(size=(4, 2)).astype(np.float32), "m"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "m"], ["y"]),
    ]
    return _model(nodes, weights, 2)


def mutants(seed: bytes, count: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies with one to eight bytes changed."""
    for _ in range(count):
        data = bytearray(seed)
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place] = rng.integers(0, 256)
        yield bytes(data)


def graph_bombs() -> dict[str, bytes]:
    """Small files that want 80 GB, or that never end, by name."""
    big = numpy_helper.from_array(np.array([100_000, 200_000], np.int64), "n")
    one = numpy_helper.from_array(np.ones(1, np.float32), "o")
    huge = numpy_helper.from_array(np.array([40_000, 40_000, 12], np.int64), "n")
    doubling = [helper.make_node("Concat", [f"d{i}", f"d{i}"], [f"d{i + 1}"], axis=0) for i in range(40)]
    times = numpy_helper.from_array(np.array([1, 1, 200_000, 200_000], np.int64), "n")
    return {
        "expand": _model([helper.make_node("Expand", ["o", "n"], ["y"])], [big, one], 2),
        "constant-of-shape": _model([helper.make_node("ConstantOfShape", ["n"], ["y"])], [huge], 3),
        "concat-doubling": _model(
            [helper.make_node("Identity", ["x"], ["d0"]), *doubling, helper.make_node("Identity", ["d40"], ["y"])],
            [],
            4,
        ),
        "tile": _model([helper.make_node("Tile", ["x", "n"], ["y"])], [times], 4),
        "endless-loop": _model([_endless()], [*_loop_constants(), one], 1),
    }


def _endless() -> onnx.NodeProto:
    def value(name: str, kind: int, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["e"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, [1])],
        [value("e", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, [1])],
    )
    return helper.make_node("Loop", ["times", "true", "o"], ["y"], body=body)


def _loop_constants() -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.array(1 << 60, np.int64), "times"),
        numpy_helper.from_array(np.array(True), "true"),
    ]


def _model(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], rank: int) -> bytes:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)]
    graph = helper.make_graph(nodes, "hostile", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())
