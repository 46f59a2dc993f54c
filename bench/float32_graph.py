"""A pack's graph with the float32 weights that it had before they were stored in fewer bytes, for a plain runtime."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


def float32_graph(data: bytes) -> bytes:
    """Unpacks every stored weight, so that a runtime runs the products in float32 and unpacks nothing while it runs.

    The values are the packed ones: int8 and float16 weights as they are rounded, so both ways make the same face.

    Args:
        data: an ONNX file.

    Returns:
        The same graph without DequantizeLinear, and without Cast and Mul of weights alone.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    kept = []
    for node in graph.node:
        stored = [weights.get(name) for name in node.input if name]
        if all(value is not None for value in stored) and node.op_type in ("DequantizeLinear", "Cast", "Mul"):
            settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            weights[node.output[0]] = _unpack(node.op_type, settings, *(v for v in stored if v is not None))
        else:
            kept.append(node)
    read = {name for node in kept for name in node.input} | {output.name for output in graph.output}
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(
        # Not ascontiguousarray: it gives a scalar an axis.
        numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in weights.items()
        if name in read
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _unpack(kind: str, settings: dict[str, int], *values: np.ndarray) -> np.ndarray:
    if kind == "Cast":
        return values[0].astype(helper.tensor_dtype_to_np_dtype(settings["to"]))
    if kind == "Mul":
        return np.asarray(values[0] * values[1])
    stored, scale, *zero = values
    around = np.ones(stored.ndim, int)
    if scale.ndim:
        around[settings.get("axis", 1)] = -1
    shifted = stored.astype(np.float32) - (zero[0].astype(np.float32).reshape(around) if zero else 0)
    return shifted * scale.reshape(around).astype(np.float32)
