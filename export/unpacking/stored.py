"""Weights of a pack's graph as they were before storage: float32, under the names that the tracer gave them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.fold_upsample import DOUBLED, undoubled_taps

F32 = NDArray[np.float32]


def stored_weights(model: onnx.ModelProto, turned: Collection[str] = ()) -> dict[str, F32]:
    """Undoes `store_int8` and `store_fp16`.

    Args:
        model: a graph of a pack, in any precision but fp16.
        turned: matrices that lay (out, in) before storage, which keeps those of a single product (in, out).

    Returns:
        Name -> values; what rounding took is gone.
    """
    raw = {weight.name: weight for weight in model.graph.initializer}
    alone = {node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found: dict[str, F32] = {}
    for name, weight in raw.items():
        base = _base(name)
        if name.endswith("_int8") and f"{base}_scale" in raw:
            values = numpy_helper.to_array(weight).astype(np.float32) * numpy_helper.to_array(raw[f"{base}_scale"])
            found[base] = values.T if name in alone and base in turned else values
        elif weight.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
            found[base] = numpy_helper.to_array(weight).astype(np.float32)
    doubled = {name: undoubled_taps(values) for name, values in found.items() if name.endswith(DOUBLED)}
    return found | {name.removesuffix(DOUBLED): values for name, values in doubled.items()}


def shared_constants(traced: onnx.ModelProto, packed: onnx.ModelProto) -> dict[str, str]:
    """Equal constants are stored once, under the name of one of them.

    Args:
        traced: the graph with other numbers, in which no two are equal.
        packed: a graph of a pack.

    Returns:
        Name of a vector that only the traced graph has -> name under which the other holds it.
    """
    held = {_base(weight.name) for weight in packed.graph.initializer}
    lost = {weight.name for weight in traced.graph.initializer if len(weight.dims) == 1} - held
    makers = {name: node for node in packed.graph.node for name in node.output}
    found = {}
    for node in traced.graph.node:
        maker = makers.get(node.output[0])
        for name in lost & set(node.input):
            # A product with a bias may be stored as a product and a sum: both read the bias last.
            if maker is not None and maker.input[-1] in held:
                found[name] = maker.input[-1]
    return found


def _base(name: str) -> str:
    return name.removesuffix("_int8").removesuffix("_fp16")


def turned_products(model: onnx.ModelProto) -> frozenset[str]:
    """Names of matrices that a float32 graph's products read as (out, in)."""
    return frozenset(
        node.input[1]
        for node in model.graph.node
        if node.op_type == "Gemm" and any(a.name == "transB" and helper.get_attribute_value(a) for a in node.attribute)
    )
