from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from export.assemble import PackOptions, export_graph
from export.parity import BACKENDS, ParityError, open_backend
from export.to_fp16 import convert
from export.to_int8 import store_int8
from export.to_onnx import constant_names, parameter_names, to_onnx
from export.torch_graph import Floor, TorchGraph, float32
from facesdk.runtime.onnx_session import import_onnxruntime
from facesdk.runtime.openvino_session import cpu_has_bf16
from train.int8 import quantise


class Steps(nn.Module):
    """One layer of its own, and one that every step uses."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(48, 128)
        self.again = nn.Linear(128, 128, bias=False)
        self.small = nn.Linear(128, 4)
        self.conv = nn.Conv2d(4, 16, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.first(x))
        for _ in range(3):
            y = y + torch.tanh(self.again(y))
        maps = self.conv(self.small(y)[:, :, None, None].expand(-1, -1, 2, 2))
        return torch.cat([y, maps.flatten(1)], 1)


@pytest.fixture(scope="module")
def graph() -> TorchGraph:
    torch.manual_seed(0)
    net = Steps().eval()
    return TorchGraph("test", "steps", net, (float32("x", "batch", 48),), (float32("y", "batch", 192),), (net,),
                      float32("p", "batch", 3, 4, 4), from_pictures=lambda p: (p.flatten(1),))  # fmt: skip


@pytest.fixture(scope="module")
def model(graph: TorchGraph) -> onnx.ModelProto:
    return to_onnx(graph)


def _weights(model: onnx.ModelProto, kind: int) -> dict[str, np.ndarray]:
    return {w.name: numpy_helper.to_array(w) for w in model.graph.initializer if w.data_type == kind}


def test_each_weight_takes_the_form_that_both_runtimes_read_fast(model: onnx.ModelProto) -> None:
    packed = store_int8(model)
    stored = _weights(packed, TensorProto.INT8)
    # The layer of its own is turned to (in, out); the shared one stands as it stood, once.
    assert {v.shape for v in stored.values()} == {(48, 128), (128, 128)}
    kinds = Counter(n.op_type for n in packed.graph.node)
    assert kinds["DequantizeLinear"] == 1 and kinds["Cast"] == 1
    readers = Counter(name for node in packed.graph.node for name in node.input)
    unpacked = next(n for n in packed.graph.node if n.op_type == "DequantizeLinear").output[0]
    assert readers[unpacked] == 1
    assert packed.ByteSize() < 0.4 * model.ByteSize()


def test_the_result_is_that_of_the_rounded_weights(graph: TorchGraph, model: onnx.ModelProto) -> None:
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    for weight in rounded.graph.initializer:
        if len(weight.dims) == 2 and np.prod(weight.dims) >= 4096:
            # torch's linear weights are (out, in); those of a product without bias are turned already.
            turned = _is_gemm_weight(model, weight.name)
            matrix = numpy_helper.to_array(weight)
            values, scale = quantise(matrix.T if turned else matrix)
            wide = (values * scale).T if turned else values * scale
            weight.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(wide, np.float32), weight.name))
    feeds = graph.sample(np.random.default_rng(3), {"batch": 3})
    want = ReferenceEvaluator(rounded).run(None, feeds)[0]
    np.testing.assert_allclose(ReferenceEvaluator(store_int8(model)).run(None, feeds)[0], want, atol=1e-5)
    unrounded = graph.run_torch(feeds)["y"]
    assert 1e-4 < np.abs(want - unrounded).mean() < 1e-2
    for backend in BACKENDS if cpu_has_bf16() else ("onnxruntime", "openvino_f32"):
        got = open_backend(backend, graph, store_int8(model).SerializeToString()).run(feeds)["y"]
        assert np.abs(got - unrounded).mean() < 2e-2, backend


def _is_gemm_weight(model: onnx.ModelProto, name: str) -> bool:
    return any(n.op_type == "Gemm" and n.input[1] == name and n.attribute for n in model.graph.node)


def test_a_product_that_joins_a_sum_keeps_its_int8_in_onnxruntime(tmp_path: Path) -> None:
    """ONNX Runtime would make a Gemm of product and sum, and unpack its weight in every run."""
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32), "w")
    shapes = {"x": ["n", 64], "z": ["n", 96], "y": ["n", 96]}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["u"]), helper.make_node("Add", ["z", "u"], ["y"])]
    graph = helper.make_graph(nodes, "g", ends[:2], ends[2:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = import_onnxruntime().SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "seen.onnx")
    options.log_severity_level = 3
    packed = store_int8(model).SerializeToString()
    session = import_onnxruntime().InferenceSession(packed, options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}
    assert "DequantizeLinear" not in kinds and "Gemm" not in kinds
    x, z = (np.random.default_rng(1).normal(size=(2, n)).astype(np.float32) for n in (64, 96))
    got = session.run(None, {"x": x, "z": z})[0]
    np.testing.assert_allclose(got, z + x @ numpy_helper.to_array(weight), atol=0.3)


def test_the_rest_becomes_float16_and_the_scales_do_not(graph: TorchGraph, model: onnx.ModelProto) -> None:
    packed = convert(model, "int8-weights")
    assert {v.shape for v in _weights(packed, TensorProto.FLOAT16).values()} == {(16, 4, 3, 3), (4, 128)}
    scales = [v for name, v in _weights(packed, TensorProto.FLOAT).items() if name.endswith("_scale")]
    assert sorted(v.size for v in scales) == [128, 128]
    assert sum(n.op_type == "DequantizeLinear" for n in packed.graph.node) == 1


@pytest.mark.parametrize("settings", [{"alpha": 0.5}, {"beta": 2.0}, {"transA": 1}])
def test_products_of_another_kind_are_left_alone(settings: dict[str, float]) -> None:
    weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in ("x", "y")]

    def whole(*nodes: onnx.NodeProto) -> onnx.ModelProto:
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    plain = whole(helper.make_node("Gemm", ["x", "w"], ["y"]))
    assert _weights(store_int8(plain), TensorProto.INT8)
    assert store_int8(plain, min_elements=64 * 64 + 1) == plain
    other = whole(helper.make_node("Gemm", ["x", "w"], ["y"], **settings))
    left = whole(helper.make_node("MatMul", ["w", "x"], ["y"]))
    added = whole(helper.make_node("MatMul", ["x", "w"], ["u"]), helper.make_node("Add", ["u", "w"], ["y"]))
    for graph in (other, left, added):
        assert store_int8(graph) == graph


def test_finer_weights_become_float16(graph: TorchGraph, model: onnx.ModelProto) -> None:
    net = graph.owners[0]
    assert isinstance(net, Steps)
    some = replace(graph, finer=(net.first.weight,))
    names = parameter_names(some, some.finer)
    assert "function.first.weight" in names and parameter_names(graph, graph.finer) == set()
    packed = convert(model, "int8-weights", names)
    assert {v.shape for v in _weights(packed, TensorProto.INT8).values()} == {(128, 128)}
    assert (128, 48) in {v.shape for v in _weights(packed, TensorProto.FLOAT16).values()}
    exported = export_graph(some, PackOptions(precision="int8-weights", backends=()))
    assert exported.data == packed.SerializeToString(deterministic=True)


class OnGrid(nn.Module):
    """A product with a learnt matrix, and one with a grid of places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(48, 128, bias=False)
        self.register_buffer("places", torch.linspace(0, 1, 128 * 16).reshape(128, 16) + 1 / 3, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) @ self.places


def test_constants_are_not_rounded_to_int8(graph: TorchGraph) -> None:
    net = OnGrid()
    some = replace(graph, function=net, owners=(net,), outputs=(float32("y", "batch", 16),))
    names = constant_names(some)
    assert any(name.endswith("places") for name in names)
    exported = onnx.load_from_string(export_graph(some, PackOptions(precision="int8-weights", backends=())).data)
    assert {v.shape for v in _weights(exported, TensorProto.INT8).values()} == {(48, 128)}
    assert {v.shape for v in _weights(exported, TensorProto.FLOAT16).values()} == {(128, 16)}


def test_a_matrix_is_unpacked_before_its_product(graph: TorchGraph, model: onnx.ModelProto) -> None:
    net = graph.owners[0]
    assert isinstance(net, Steps)
    some = replace(graph, unpacked=(net.first.weight,))
    packed = convert(model, "int8-weights", (), parameter_names(some, some.unpacked))
    assert not [node for node in packed.graph.node if node.op_type == "DequantizeLinear"]
    stored = _weights(packed, TensorProto.INT8)
    assert {v.shape for v in stored.values()} == {(128, 48), (128, 128)}  # as they lay before
    assert export_graph(some, PackOptions(precision="int8-weights", backends=())).data == packed.SerializeToString(
        deterministic=True
    )
    # Whatever a runtime makes of it, only the weights are rounded.
    feeds = graph.sample(np.random.default_rng(3))
    session = import_onnxruntime().InferenceSession(packed.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, feeds)[0]
    np.testing.assert_allclose(found, ReferenceEvaluator(packed).run(None, feeds)[0], atol=2e-5)


def test_weights_that_int8_spoils_fail_the_export(graph: TorchGraph) -> None:
    options = PackOptions(precision="int8-weights", backends=("onnxruntime",))
    held = replace(graph, exact={"*": Floor(cosine=1.0)}, reduced={"*": Floor(cosine=0.995)})
    assert export_graph(held, options).parity[0].ok
    net = graph.owners[0]
    assert isinstance(net, Steps)
    kept = net.first.weight.detach().clone()
    try:
        with torch.no_grad():
            # One huge weight an output, on an input that hardly moves, leaves no levels for the others.
            net.first.weight[:, 0] = 300.0 * kept.abs().max()
        quiet = replace(held, from_pictures=lambda p: (p.flatten(1) * (torch.arange(48) > 0),))
        with pytest.raises(ParityError, match=r"test\.steps y on onnxruntime"):
            export_graph(quiet, options)
    finally:
        with torch.no_grad():
            net.first.weight.copy_(kept)


def test_filters_are_stored_by_output_channel() -> None:
    rng = np.random.default_rng(0)
    # Channels of very different sizes: one scale for all would lose the small ones.
    sizes = np.logspace(-3, 1, 16, dtype=np.float32)
    plain = rng.normal(size=(16, 8, 3, 3)).astype(np.float32) * sizes[:, None, None, None]
    turned = rng.normal(size=(16, 16, 4, 4)).astype(np.float32) * sizes[None, :, None, None]
    grouped = rng.normal(size=(16, 2, 4, 4)).astype(np.float32)
    weights = {"plain": plain, "turned": turned, "grouped": grouped, "read_twice": plain.copy()}
    nodes = [
        helper.make_node("Conv", ["x", "plain"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["x", "read_twice"], ["a2"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceSum", ["read_twice"], ["total"], keepdims=0),
        helper.make_node("Add", ["a", "a2"], ["sum"]),
        helper.make_node("Mul", ["sum", "total"], ["b"]),
        helper.make_node("ConvTranspose", ["b", "turned"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["c", "grouped"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], group=4),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 6]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 24, 24]),
    ]
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    packed = store_int8(model, min_elements=256)
    assert set(_weights(packed, TensorProto.INT8)) == {"plain_int8", "turned_int8"}
    scales = _weights(packed, TensorProto.FLOAT)
    assert scales["plain_scale"].shape == (16, 1, 1, 1) and scales["turned_scale"].shape == (1, 16, 1, 1)
    for name, axes in (("plain", (1, 2, 3)), ("turned", (0, 2, 3))):
        wide = _weights(packed, TensorProto.INT8)[f"{name}_int8"] * scales[f"{name}_scale"]
        largest = np.abs(weights[name]).max(axes, keepdims=True)
        assert (np.abs(wide - weights[name]) <= largest / 254 * 1.001).all()
    x = rng.normal(size=(1, 8, 6, 6)).astype(np.float32)
    runtime = import_onnxruntime()
    want, got = (
        runtime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for m in (model, packed)
    )
    assert np.abs(got - want).max() < 0.02 * np.abs(want).max()
    assert store_int8(model, min_elements=10**6) == model
