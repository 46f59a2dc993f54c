"""How much a graph has to do: multiplications and additions, and the bytes that no runtime can leave out."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from facesdk.pack import TensorSpec
from facesdk.runtime.openvino_session import open_core

Shape = tuple[int, ...]


@dataclass(frozen=True)
class GraphWork:
    """One run of a graph.

    Attributes:
        flops: of its convolutions and matrix products, two for each multiplication with its addition.
        weights: numbers that they read.
        edge_bytes: of its inputs and outputs.
    """

    flops: int
    weights: int
    edge_bytes: int

    def least_bytes(self, weight_bytes: float) -> float:
        """Weights of so many bytes each, read once, and inputs and outputs."""
        return self.weights * weight_bytes + self.edge_bytes


def graph_work(path: Path, inputs: tuple[TensorSpec, ...], sizes: Mapping[str, int]) -> GraphWork:
    """Counts a graph's work; OpenVINO infers the shapes.

    Args:
        path: the ONNX file.
        inputs: as the manifest says.
        sizes: dynamic axis of the inputs -> size.

    Returns:
        The work of what the graph says: a runtime that folds or uses Winograd's products does less.

    Raises:
        ValueError: the shape of a product depends on values.
    """
    model = open_core().read_model(str(path))
    model.reshape({t.name: [sizes[d] if isinstance(d, str) else d for d in t.shape] for t in inputs})
    # Weights that the exporter computes in the graph become constants, as they would when it is compiled.
    passes = importlib.import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
    flops, weights = 0, 0
    seen: set[str] = set()
    for node in model.get_ordered_ops():
        turned = node.get_attributes().get("transpose_a", False) if node.get_type_name() == "MatMul" else False
        if node.get_type_name() not in PRODUCTS:
            continue
        flops += product_flops(node.get_type_name(), _shape(node, node.input(0)), _shape(node, node.input(1)),
                               _shape(node, node.output(0)), turned)  # fmt: skip
        weight = node.input_value(1).get_node()
        if weight.get_type_name() == "Constant" and weight.get_friendly_name() not in seen:
            seen.add(weight.get_friendly_name())
            weights += prod(_shape(node, node.input(1)))
    edges = [*model.inputs, *model.outputs]
    return GraphWork(flops, weights, sum(prod(port.get_shape()) * port.get_element_type().size for port in edges))


PRODUCTS = (
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul",
)  # fmt: skip


def product_flops(kind: str, first: Shape, second: Shape, out: Shape, turned: bool = False) -> int:
    """Floating point operations of a convolution or matrix product.

    Args:
        kind: in PRODUCTS.
        first: shape of the activation, (N, C, H, W) or (..., rows, inner).
        second: of the weight: (O, C, k, k); with groups (G, O / G, C / G, k, k); back to front (C, O, k, k).
        out: of the result.
        turned: the first matrix is (..., inner, rows).
    """
    if kind == "MatMul":
        return 2 * prod(out) * first[-2 if turned else -1]
    spatial = prod(second[-2:])
    if kind == "Convolution":
        return 2 * prod(out) * second[1] * spatial
    if kind == "GroupConvolution":
        return 2 * prod(out) * second[2] * spatial
    return 2 * prod(first) * second[-3] * spatial


def _shape(node: Any, port: Any) -> Shape:
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        raise ValueError(f"{node.get_type_name()} {node.get_friendly_name()}: its shape depends on values.")
    return tuple(shape.to_shape())
