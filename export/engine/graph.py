"""The graph that an engine is built from: a pack's graph with its weights unpacked, computing in float16."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.adain_form import moment_nodes, to_adain_moments
from export.to_fp16 import FP32_OPS, compute_fp16

# A pack's graph of any other precision holds its weights in few bits and computes in float32.
HALF = "fp16"
# An angle of a thousand in float16 is off by a quarter of a radian; the Unsqueeze before it would round the time.
ANGLES = frozenset({"Sin", "Cos"})


def engine_graph(data: bytes, precision: str) -> onnx.ModelProto:
    """The float16 form of a pack's graph.

    Engines take their precision from the graph's types. A graph that was exported as "fp16" is taken as it is; of every
    other one the weights are unpacked and `compute_fp16` types it anew, with its float32 islands.

    Args:
        data: ONNX bytes.
        precision: as the manifest says.

    Returns:
        A graph with float32 inputs and outputs.

    Raises:
        FacesdkError: it has subgraphs or functions, or a weight that float16 does not hold.
    """
    model = onnx.load_from_string(data)
    return model if precision == HALF else half_graph(model)


def half_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph that computes in float32, typed anew to compute in float16; its weights are unpacked in place.

    AdaIN is spelt by its moments, in float32: as InstanceNormalization a builder plans twice the memory for it.
    """
    unpack_weights(model.graph)
    model = to_adain_moments(model)
    islands = FP32_OPS
    if any(node.op_type in ANGLES for node in model.graph.node):
        islands = islands | ANGLES | {"Unsqueeze"}
    return compute_fp16(model, islands, moment_nodes(model))


def unpack_weights(graph: onnx.GraphProto) -> None:
    """Undoes, in place, how `store_fp16` and `store_int8` keep weights: a Cast; a Cast and a Mul; a DequantizeLinear.

    Other products of weights stay nodes: noise times its strengths is small as two and large as one.
    """
    values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    stored = set(values)
    # What int8 was cast to, and its scale is still to come.
    unscaled: set[str] = set()
    kept = []
    for node in graph.node:
        if not all(name in values for name in node.input) or node.op_type not in ("Cast", "Mul", "DequantizeLinear"):
            kept.append(node)
            continue
        inputs = [values[name] for name in node.input]
        if node.op_type == "Cast" and inputs[0].dtype in (np.float16, np.int8) and _target(node) == TensorProto.FLOAT:
            values[node.output[0]] = inputs[0].astype(np.float32)
            unscaled |= {node.output[0]} if inputs[0].dtype == np.int8 else set()
        elif node.op_type == "Mul" and node.input[0] in unscaled:
            values[node.output[0]] = inputs[0] * inputs[1]
        elif node.op_type == "DequantizeLinear" and len(inputs) == 2 and inputs[1].ndim == 1:
            values[node.output[0]] = _dequantised(inputs[0], inputs[1], _attribute(node, "axis", 1))
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input} | {output.name for output in graph.output}
    weights = [weight for weight in graph.initializer if weight.name in used]
    fresh = [numpy_helper.from_array(values[name], name) for name in values if name not in stored and name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend([*weights, *fresh])


def half_share(dtypes: Mapping[str, int]) -> float:
    """Which share of a network's products is computed in half precision; 1 if it has none.

    Args:
        dtypes: name of a type, such as "HALF" -> number of convolutions and matrix products that give it.
    """
    count = sum(dtypes.values())
    return dtypes.get("HALF", 0) / count if count else 1.0


def _dequantised(values: NDArray[np.int8], scale: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    shape = [1] * values.ndim
    shape[axis % values.ndim] = -1
    return values.astype(np.float32) * scale.reshape(shape)


def _target(node: onnx.NodeProto) -> int:
    return _attribute(node, "to", 0)


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((int(helper.get_attribute_value(a)) for a in node.attribute if a.name == name), default)
