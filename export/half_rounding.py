"""What a float16 graph computes on a GPU, on a CPU: every result rounded to float16, in float32 arithmetic.

ONNX Runtime has no float16 products on a CPU. It runs such a graph in float32 and drops the casts between its nodes, so
that only the weights are rounded.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facesdk.errors import FacesdkError

# Veltkamp: x (2^s + 1) minus what that is above x leaves 24 - s bits; float16 has 11.
SPLITTER = 2.0**13 + 1
FP16_MAX = 65504.0
CONSTANTS = {
    "half/splitter": np.float32(SPLITTER),
    "half/greatest": np.float32(FP16_MAX),
    "half/infinity": np.float32(np.inf),
}
# These give values that went in: they are rounded already.
MOVES = frozenset(
    {
        "Reshape", "Transpose", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Expand", "Slice", "Split", "Gather",
        "Concat", "MaxPool", "Relu", "DepthToSpace", "SpaceToDepth",
    }
)  # fmt: skip


def round_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 graph that gives what a float16 graph gives, sums in products apart, which stay float32 on both.

    Values above float16's greatest become infinite, and no number one step later. Those below its least normal one,
    6e-5, keep more bits than it has.

    Args:
        model: from `compute_fp16`; not changed.

    Returns:
        A new graph with the same inputs and outputs.

    Raises:
        FacesdkError: the graph is not flat.

    Source: Dekker 1971, "A floating-point technique for extending the available precision", section 5.
    """
    if model.functions or any(a.HasField("g") for node in model.graph.node for a in node.attribute):
        raise FacesdkError("round_half takes a flat graph, and this one has subgraphs or functions.")
    out = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    graph = out.graph
    half = {v.name for v in (*graph.value_info, *graph.output) if _kind(v) == TensorProto.FLOAT16}
    for weight in graph.initializer:
        if weight.data_type == TensorProto.FLOAT16:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), weight.name))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        _widen(node)
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in half and node.op_type not in MOVES:
                node.output[place] = f"{name}/exact"
                nodes += _rounding(f"{name}/exact", name)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in CONSTANTS.items())
    onnx.checker.check_model(out, full_check=True)
    return out


def _rounding(x: str, out: str) -> list[onnx.NodeProto]:
    steps = (
        ("Mul", (x, "half/splitter"), f"{x}/spread"),
        ("Sub", (f"{x}/spread", x), f"{x}/rest"),
        ("Sub", (f"{x}/spread", f"{x}/rest"), f"{x}/short"),
        ("Abs", (f"{x}/short",), f"{x}/size"),
        ("Greater", (f"{x}/size", "half/greatest"), f"{x}/over"),
        ("Mul", (f"{x}/short", "half/infinity"), f"{x}/infinite"),
        ("Where", (f"{x}/over", f"{x}/infinite", f"{x}/short"), out),
    )
    # Nodes are often called as what they make: the last one's output bears the name of the node before.
    return [helper.make_node(kind, list(inputs), [made], name=f"{x}/{kind}/{made}") for kind, inputs, made in steps]


def _widen(node: onnx.NodeProto) -> None:
    """Makes a node float32: casts become what moves values, constants become wide."""
    if node.op_type == "Cast":
        target = next(a for a in node.attribute if a.name == "to")
        if target.i == TensorProto.FLOAT16:
            target.i = TensorProto.FLOAT
    for attribute in node.attribute:
        if attribute.t.data_type == TensorProto.FLOAT16:
            wide = numpy_helper.to_array(attribute.t).astype(np.float32)
            attribute.t.CopyFrom(numpy_helper.from_array(wide))


def _kind(value: onnx.ValueInfoProto) -> int:
    return int(value.type.tensor_type.elem_type)
