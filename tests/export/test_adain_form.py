from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from export.adain_form import DOMAIN, OPERATOR, moment_nodes, to_adain_moments, to_adain_operator
from export.engine.graph import half_graph
from export.families.style_swap import style_swap_family
from export.fuse_adain import fuse_adain
from export.parity import open_backend
from export.to_onnx import to_onnx
from export.torch_graph import TorchGraph, float32
from facesdk.runtime.openvino_extension import find_extension
from train.models.style_swap import PRESETS, StyleSwap
from train.models.style_swap.synthesis import adain

EPSILON = 3e-3
X = float32("x", "batch", 6, 8, 10)


def trace(scale: float = 0.3, offset: float = 2.0, slope: float | None = 0.2) -> tuple[TorchGraph, onnx.ModelProto]:
    torch.manual_seed(0)
    net = torch.nn.Linear(6, 12).eval()

    def run(x: Tensor) -> Tensor:
        gamma, beta = net(x.mean((2, 3)) + x.amax((2, 3))).chunk(2, 1)
        moved = x * scale + offset
        return adain(moved if slope is None else F.leaky_relu(moved, slope), gamma, beta, EPSILON)

    graph = TorchGraph("test", "adain", run, (X,), (float32("y", *X.shape),), (net,), float32("p", "batch", 3, 8, 10),
                       from_pictures=lambda p: (torch.cat([p, p.flip(-1)], 1),))  # fmt: skip
    return graph, fuse_adain(to_onnx(graph))


def count(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def both(graph: TorchGraph, model: onnx.ModelProto, backend: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    feeds = graph.sample(np.random.default_rng(batch), {"batch": batch})
    return open_backend(backend, graph, model.SerializeToString()).run(feeds)["y"], graph.run_torch(feeds)["y"]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino_f32"])
@pytest.mark.parametrize("slope", [None, 0.2])
def test_a_runtime_that_does_not_know_the_operator_runs_its_body(backend: str, slope: float | None) -> None:
    graph, model = trace(slope=slope)
    fused = to_adain_operator(model)
    (node,) = [node for node in fused.graph.node if node.domain == DOMAIN]
    assert node.op_type == OPERATOR and [function.name for function in fused.functions] == [OPERATOR]
    # The activation went into the operator.
    assert count(fused)["LeakyRelu"] == count(fused)["InstanceNormalization"] == 0
    for batch in (1, 3):
        got, want = both(graph, fused, backend, batch)
        np.testing.assert_allclose(got, want, atol=3e-5)


def test_the_projects_kernel_takes_the_same_node() -> None:
    found = find_extension()
    if found.path is None:
        pytest.skip(found.reason)
    from facesdk.runtime.openvino_session import import_openvino

    graph, model = trace()
    # A core of its own: the process's one may not know the operator.
    core = import_openvino().Core()
    core.add_extension(str(found.path))
    fused = to_adain_operator(model)
    # Where the body is gone, nothing but the kernel is left.
    del fused.functions[:]
    read = core.read_model(fused.SerializeToString())
    assert OPERATOR in {op.get_type_name() for op in read.get_ordered_ops()}
    feeds = graph.sample(np.random.default_rng(1), {"batch": 3})
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled(feeds)[0], graph.run_torch(feeds)["y"], atol=3e-5)


@pytest.mark.parametrize(("scale", "offset"), [(0.3, 2.0), (0.3, 200.0), (0.0, 7.0)])
def test_moments_hold_far_from_zero_and_where_nothing_varies(scale: float, offset: float) -> None:
    graph, model = trace(scale, offset)
    spelt = to_adain_moments(model)
    assert count(spelt)["InstanceNormalization"] == 0 and len(moment_nodes(spelt)) == 15
    got, want = both(graph, spelt, "onnxruntime", 2)
    # float32 itself is off by 2e-5 at 200, and the deviation there is 0.1.
    np.testing.assert_allclose(got, want, atol=5e-4 if offset == 200.0 else 3e-5)


def test_in_half_precision_the_moments_keep_float32() -> None:
    graph, model = trace(slope=None)
    half = half_graph(model)
    got, want = both(graph, half, "onnxruntime", 2)
    assert np.abs(got - want).max() < 0.01
    typed = onnx.shape_inference.infer_shapes(half, strict_mode=True).graph.value_info
    kinds = {value.name: value.type.tensor_type.elem_type for value in typed}
    assert moment_nodes(half) and all(
        kinds[node.output[0]] == onnx.TensorProto.FLOAT
        for node in half.graph.node
        if node.name in moment_nodes(half) and node.output[0] in kinds
    )
    # What comes in and what goes on is half as wide.
    assert onnx.TensorProto.FLOAT16 in kinds.values()


def test_every_layer_of_the_decoder_is_found_and_nothing_else() -> None:
    torch.manual_seed(0)
    net = StyleSwap(PRESETS["tiny"]).eval()
    graph = next(g for g in style_swap_family(net, {}).graphs if g.name == "decoder")
    model = fuse_adain(to_onnx(graph))
    assert count(to_adain_operator(model))[OPERATOR] == PRESETS["tiny"].decoder.styles
    encoder = next(g for g in style_swap_family(net, {}).graphs if g.name == "encoder")
    plain = to_onnx(encoder)
    assert to_adain_operator(plain) == plain and to_adain_moments(plain) == plain
