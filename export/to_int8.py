"""Int8 weights of matrix products and convolutions: a quarter of the bytes, and products also read no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from train.int8 import quantise

# Smaller matrices keep their precision: their bytes do not count.
MIN_ELEMENTS = 1024


def store_int8(
    model: onnx.ModelProto,
    min_elements: int = MIN_ELEMENTS,
    keep: Collection[str] = (),
    unpacked: Collection[str] = (),
) -> onnx.ModelProto:
    """Stores matrices of linear layers and filters of convolutions as int8, one scale an output; the rest stays float.

    Filters become Cast, Mul, which every runtime folds when it loads the graph. For matrices the form is the one that
    is fast everywhere. A weight of one product becomes DequantizeLinear, MatMul, Add: OpenVINO and ONNX Runtime read
    the int8 itself. A weight that several products share becomes Cast, Mul: OpenVINO reads the int8, ONNX Runtime
    unpacks it once when it loads the graph; it would unpack a shared DequantizeLinear in every run.
    Reading the int8 itself, both also round what it is multiplied by: nano's swap codes moved by .7 % of their spread,
    landmarks by .13 %, poses by .4 % (ONNX Runtime 1.31, against the same graph with its optimisations off).
    Measured beside them: DequantizeLinear before Gemm and quantised activations are slow in ONNX Runtime, and
    DynamicQuantizeLinear with MatMulInteger is slow in OpenVINO.

    Args:
        model: a flat float32 graph; not changed.
        min_elements: smaller matrices stay as they are.
        keep: names of weights that stay as they are.
        unpacked: names of matrices that become Cast, Mul though a single product reads them.

    Returns:
        A new graph with the same inputs and outputs.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    _store_filters(graph, min_elements, keep)
    readers = _products(graph)
    weights = {
        w.name: w
        for w in graph.initializer
        if w.name in readers and np.prod(w.dims) >= min_elements and w.name not in keep
    }
    alone = {name for name in weights if len(readers[name]) == 1 and name not in unpacked}
    zeros: list[onnx.TensorProto] = []
    for name in alone:
        zeros += _zero_bias(graph, readers[name][0], weights[name])
    nodes = [node for name in weights if name not in alone for node in _unpacking(name)]
    for node in graph.node:
        nodes += _product(node) if len(node.input) > 1 and node.input[1] in alone else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    kept = [weight for weight in graph.initializer if weight.name not in weights] + zeros
    for name, weight in weights.items():
        matrix = numpy_helper.to_array(weight)
        turned = _way(readers[name][0]) == "turned"
        values, scale = quantise(matrix.T if turned else matrix)
        if name not in alone:
            values, scale = (values.T, scale[:, None]) if turned else (values, scale)
        kept.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{name}_int8"))
        kept.append(numpy_helper.from_array(scale, f"{name}_scale"))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    onnx.checker.check_model(out, full_check=True)
    return out


def _store_filters(graph: onnx.GraphProto, min_elements: int, keep: Collection[str]) -> None:
    """Stores the large filters, in place, each with what unpacks it before all other nodes."""
    axes = _filter_axes(graph)
    unpacking: list[onnx.NodeProto] = []
    for weight in list(graph.initializer):
        if weight.name not in axes or np.prod(weight.dims) < min_elements or weight.name in keep:
            continue
        axis, name = axes[weight.name], weight.name
        filters = np.moveaxis(numpy_helper.to_array(weight), axis, -1)
        values, scale = quantise(filters.reshape(-1, filters.shape[-1]))
        stored = np.ascontiguousarray(np.moveaxis(values.reshape(filters.shape), -1, axis))
        shape = [-1 if place == axis else 1 for place in range(len(weight.dims))]
        graph.initializer.append(numpy_helper.from_array(scale.reshape(shape), f"{name}_scale"))
        weight.CopyFrom(numpy_helper.from_array(stored, f"{name}_int8"))
        unpacking += _unpacking(name)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*unpacking, *nodes])


def _filter_axes(graph: onnx.GraphProto) -> dict[str, int]:
    """Each float32 filter that nothing but convolutions of one kind reads -> its axis of output channels."""
    axes: dict[str, set[int | None]] = {
        w.name: set() for w in graph.initializer if w.data_type == TensorProto.FLOAT and len(w.dims) > 2
    }
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in axes:
                axes[name].add(_filter_axis(node) if place == 1 else None)
    return {name: axis for name, found in axes.items() if len(found) == 1 and (axis := next(iter(found))) is not None}


def _filter_axis(node: onnx.NodeProto) -> int | None:
    """The axis of a node's second input that the output channels are on, if it is a filter that no groups share."""
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    if node.op_type == "Conv":
        return 0
    return 1 if node.op_type == "ConvTranspose" and groups == 1 else None


def _products(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Each float32 matrix that nothing but products in one orientation reads -> those products."""
    readers: dict[str, list[onnx.NodeProto]] = {
        w.name: [] for w in graph.initializer if w.data_type == TensorProto.FLOAT and len(w.dims) == 2
    }
    ways: dict[str, set[str]] = {name: set() for name in readers}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in readers:
                readers[name].append(node)
                ways[name].add(_way(node) if place == 1 else "other")
    return {name: nodes for name, nodes in readers.items() if ways[name] in ({"plain"}, {"turned"})}


def _way(node: onnx.NodeProto) -> str:
    """How a node multiplies by its second input: "plain" (in, out), "turned" (out, in), or "other"."""
    if node.op_type == "MatMul":
        return "plain"
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    simple = values.get("alpha", 1.0) == values.get("beta", 1.0) == 1.0 and not values.get("transA")
    if node.op_type != "Gemm" or not simple:
        return "other"
    return "turned" if values.get("transB") else "plain"


def _zero_bias(graph: onnx.GraphProto, product: onnx.NodeProto, weight: onnx.TensorProto) -> list[onnx.TensorProto]:
    """Gives a product without bias one of zeros, if a sum of two computed tensors reads it.

    ONNX Runtime would make a Gemm of product and sum, before which it unpacks the int8 in every run.
    """
    stored = {w.name for w in graph.initializer}
    sums = [n for n in graph.node if n.op_type == "Add" and product.output[0] in n.input]
    if len(product.input) > 2 or not any(stored.isdisjoint(node.input) for node in sums):
        return []
    outputs = weight.dims[0 if _way(product) == "turned" else 1]
    bias = numpy_helper.from_array(np.zeros(outputs, np.float32), f"{product.output[0]}_zero")
    product.input.append(bias.name)
    return [bias]


def _product(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """DequantizeLinear, MatMul and, where there is a bias, Add."""
    x, weight, *bias = node.input
    y = node.output[0]
    unpacked, product = f"{weight}_unpacked", f"{y}_product" if bias else y
    nodes = [
        helper.make_node("DequantizeLinear", [f"{weight}_int8", f"{weight}_scale"], [unpacked], name=unpacked, axis=1),
        helper.make_node("MatMul", [x, unpacked], [product], name=product),
    ]
    return [*nodes, helper.make_node("Add", [product, *bias], [y], name=f"{y}_biased")] if bias else nodes


def _unpacking(weight: str) -> Iterable[onnx.NodeProto]:
    """Cast and Mul, which give the float32 weight under its own name."""
    wide = f"{weight}_wide"
    yield helper.make_node("Cast", [f"{weight}_int8"], [wide], name=wide, to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [wide, f"{weight}_scale"], [weight], name=f"{weight}_unpacked")
