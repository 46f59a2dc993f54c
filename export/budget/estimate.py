"""A graph's activations without a builder: the most that its tensors hold at once, in the order of its nodes."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

# Nodes that a compiler makes part of the one that reads them or that made their input: no tensor of their own.
FUSED = frozenset(
    {
        "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp", "Pow", "Cast", "Relu", "LeakyRelu",
        "PRelu", "Sigmoid", "Tanh", "Clip", "Softplus", "Erf", "Where", "Sin", "Cos", "Min", "Max",
        "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Expand", "Transpose", "Slice", "Split",
    }
)  # fmt: skip
# TensorRT for RTX 1.7.1 planned the nano decoder with 16.6 MB and 3.9 MB for each picture, where this file says 4.2 MB
# for each; of the blending module the fixed part was 8.2 MB on later GPUs and 16.6 MB on Turing. So the larger one.
WORKSPACE_BYTES = 16_800_000


def estimate_activations(model: onnx.ModelProto, sizes: Mapping[str, int]) -> tuple[int, int]:
    """The most bytes that live at once.

    A tensor lives from the node that makes it to the last one that reads it. Elementwise nodes and views write in
    place. Inputs and outputs of the graph are not counted: they are the caller's.

    Args:
        model: a flat graph, typed as the engine's is.
        sizes: dynamic axis of the inputs -> size.

    Returns:
        Bytes, and the number of tensors whose size could not be inferred and is not in them.
    """
    graph = _sized(model, sizes).graph
    held = _tensor_bytes(graph)
    weights = {weight.name for weight in graph.initializer}
    edges = {value.name for value in (*graph.input, *graph.output)} | weights
    buffer: dict[str, str] = {}
    last: dict[str, int] = {}
    unknown = 0
    for index, node in enumerate(graph.node):
        for name in filter(None, node.input):
            if name in buffer:
                last[buffer[name]] = index
        root = next((buffer[name] for name in node.input if name in buffer), None) if node.op_type in FUSED else None
        for name in filter(None, node.output):
            if name in edges:
                continue
            same = root is not None and held.get(name, 0) <= held.get(root, 0)
            buffer[name] = root if same and root is not None else name
            last[buffer[name]] = max(last.get(buffer[name], index), index)
            unknown += name not in held
    starts = {name: i for i, node in reversed(list(enumerate(graph.node))) for name in node.output}
    changes: dict[int, int] = {}
    for name in set(buffer.values()):
        changes[starts[name]] = changes.get(starts[name], 0) + held.get(name, 0)
        changes[last[name] + 1] = changes.get(last[name] + 1, 0) - held.get(name, 0)
    live = most = 0
    for index in sorted(changes):
        live += changes[index]
        most = max(most, live)
    return most, unknown


def weights_bytes(model: onnx.ModelProto) -> int:
    """Bytes of the graph's weights."""
    return sum(_bytes(weight.data_type, weight.dims) for weight in model.graph.initializer)


def _sized(model: onnx.ModelProto, sizes: Mapping[str, int]) -> onnx.ModelProto:
    """Its shapes with every axis given a size; weights of many values are left behind, as their shape is enough."""
    out = onnx.ModelProto()
    out.ir_version = model.ir_version
    out.opset_import.extend(model.opset_import)
    graph = out.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    for value in graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    for value in model.graph.output:
        # Their axes are worked out anew.
        graph.output.append(helper.make_empty_tensor_value_info(value.name))
    for weight in model.graph.initializer:
        if _bytes(weight.data_type, weight.dims) <= 1024 or weight.data_type == TensorProto.INT64:
            graph.initializer.append(weight)
        else:
            graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
    return onnx.shape_inference.infer_shapes(out, data_prop=True)


def _tensor_bytes(graph: onnx.GraphProto) -> dict[str, int]:
    out = {}
    for value in (*graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            out[value.name] = _bytes(value.type.tensor_type.elem_type, [dim.dim_value for dim in dims])
    return out


def _bytes(data_type: int, dims: object) -> int:
    count = 1
    for size in dims:  # type: ignore[attr-defined]
        count *= size
    return int(count * helper.tensor_dtype_to_np_dtype(data_type).itemsize)
