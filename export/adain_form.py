"""AdaIN in the forms that a graph can hold it: one operator of this project's domain, or its moments.

The operator carries a function body, so that a runtime that does not know it runs the standard operators inside.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAIN, OPERATOR, VERSION = "facesdk", "FusedAdaIN", 1
# What stands in the name of every node of the moments: statistics lose their digits in half precision.
MARK = "/adain/"
NO_SLOPE = 1.0


def to_adain_operator(model: onnx.ModelProto) -> onnx.ModelProto:
    """Makes facesdk::FusedAdaIN(x, gamma, beta) of what `fuse_adain` wrote, with the leaky ReLU before it if it can.

    x (N, C, H, W); gamma and beta have N * C values; attributes `slope` (1 = no activation) and `epsilon`. OpenVINO
    takes the project's kernel where its extension is loaded. A full TensorRT, whose parser prefers a function to a
    plugin, wants `model.functions` cleared.

    Args:
        model: a flat graph; not changed.

    Returns:
        A new graph with the operator and its function body; the same graph where there is no AdaIN.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    found = _find(out.graph)
    if not found:
        return out
    _replace(out.graph, {last: [_operator(parts, last)] for last, parts in found.items()}, found)
    opset = next(entry.version for entry in out.opset_import if not entry.domain)
    out.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    out.functions.append(adain_function(opset))
    onnx.checker.check_model(out, full_check=True)
    return out


def to_adain_moments(model: onnx.ModelProto) -> onnx.ModelProto:
    """Spells the AdaIN that `fuse_adain` wrote by its moments: two passes and no tensor of the normalised values.

    TensorRT plans half the memory of InstanceNormalization with a scale and a shift behind it. Every node has MARK in
    its name.

    Args:
        model: a flat float32 graph; not changed.

    Returns:
        A new graph, equal up to float32 rounding; the same graph where there is no AdaIN.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    found = _find(out.graph)
    if not found:
        return out
    out.graph.initializer.extend(_constants())
    bodies = {}
    for last, parts in found.items():
        # Each with its own epsilon; a leaky ReLU stays the node that it is.
        name = f"{last}{MARK}epsilon"
        out.graph.initializer.append(numpy_helper.from_array(np.float32(parts["epsilon"]), name))
        bodies[last] = _body(str(parts["x"]), str(parts["gamma"]), str(parts["beta"]), name, last, f"{last}{MARK}")
    _replace(out.graph, bodies, found)
    onnx.checker.check_model(out, full_check=True)
    return out


def moment_nodes(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes that keep float32 when the graph around them computes in float16."""
    return {node.name for node in model.graph.node if MARK in node.name}


def adain_function(opset: int) -> onnx.FunctionProto:
    """The operator's body in standard operators.

    Args:
        opset: of the graph around it.
    """
    activated = helper.make_node("LeakyRelu", ["x"], ["activated"])
    activated.attribute.append(_passed_on("alpha", "slope"))
    epsilon = helper.make_node("Constant", [], ["epsilon"])
    epsilon.attribute.append(_passed_on("value_float", "epsilon"))
    constants = [helper.make_node("Constant", [], [weight.name], value=weight) for weight in _constants()]
    body = _body("activated", "gamma", "beta", "epsilon", "y", "")
    return helper.make_function(
        DOMAIN, OPERATOR, ["x", "gamma", "beta"], ["y"], [activated, epsilon, *constants, *body],
        [helper.make_opsetid("", opset)], ["slope", "epsilon"],
    )  # fmt: skip


def _body(x: str, gamma: str, beta: str, epsilon: str, out: str, prefix: str) -> list[onnx.NodeProto]:
    """x is shifted by its first pixel: a channel far from zero, or a constant one, keeps its digits.

    Source: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", shifted data.
    """
    steps = (
        ("Slice", (x, "/starts", "/ends", "/axes"), "first"),
        ("Sub", (x, "first"), "moved"),
        ("ReduceMean", ("moved", "/axes"), "mean"),
        ("Mul", ("moved", "moved"), "square"),
        ("ReduceMean", ("square", "/axes"), "squares"),
        ("Mul", ("mean", "mean"), "mean_squared"),
        ("Sub", ("squares", "mean_squared"), "difference"),
        ("Relu", ("difference",), "variance"),
        ("Add", ("variance", epsilon), "floored"),
        ("Sqrt", ("floored",), "deviation"),
        ("Div", (gamma, "deviation"), "scale"),
        ("Mul", ("mean", "scale"), "mean_scaled"),
        ("Sub", (beta, "mean_scaled"), "shift"),
        ("Mul", ("moved", "scale"), "scaled"),
        ("Add", ("scaled", "shift"), out),
    )
    own = {name for _, _, name in steps} - {out}

    def full(name: str) -> str:
        if name in own:
            return f"{prefix}{name}"
        return f"adain_{name[1:]}" if name.startswith("/") else name

    return [
        helper.make_node(kind, [full(name) for name in inputs], [full(made)], name=f"{prefix}{made}" if prefix else "")
        for kind, inputs, made in steps
    ]


def _constants() -> list[onnx.TensorProto]:
    values = {"starts": [0, 0], "ends": [1, 1], "axes": [2, 3]}
    return [numpy_helper.from_array(np.array(value, np.int64), f"adain_{name}") for name, value in values.items()]


def _passed_on(name: str, attribute: str) -> onnx.AttributeProto:
    """An attribute of a node inside the function that has the value of the function's own."""
    return onnx.AttributeProto(name=name, ref_attr_name=attribute, type=onnx.AttributeProto.FLOAT)


def _operator(parts: Mapping[str, str | float], last: str) -> onnx.NodeProto:
    return helper.make_node(
        OPERATOR, [str(parts["before"]), str(parts["gamma"]), str(parts["beta"])], [last], name=f"{last}_adain",
        domain=DOMAIN, slope=float(parts["slope"]), epsilon=float(parts["epsilon"]),
    )  # fmt: skip


def _find(graph: onnx.GraphProto) -> dict[str, dict[str, str | float]]:
    """Output of each AdaIN -> what it is made of: InstanceNormalization with ones and zeros, Mul, Add."""
    makers = {name: node for node in graph.node for name in node.output}
    reads = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    weights = {weight.name: weight for weight in graph.initializer}
    out: dict[str, dict[str, str | float]] = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        for scaled, beta in (tuple(node.input), tuple(node.input)[::-1]):
            product = makers.get(scaled)
            if product is None or product.op_type != "Mul" or reads.count(scaled) != 1:
                continue
            norms = [name for name in product.input if _is_plain_norm(makers.get(name), weights)]
            if len(norms) != 1 or reads.count(norms[0]) != 1:
                continue
            norm = makers[norms[0]]
            gamma = next(name for name in product.input if name != norms[0])
            x, before, slope = norm.input[0], norm.input[0], NO_SLOPE
            activation = makers.get(x)
            if activation is not None and activation.op_type == "LeakyRelu" and reads.count(x) == 1:
                before, slope = activation.input[0], _float(activation, "alpha", 0.01)
            epsilon = _float(norm, "epsilon", 1e-5)
            out[node.output[0]] = {
                "x": x, "before": before, "slope": slope, "gamma": gamma, "beta": beta, "epsilon": epsilon,
            }  # fmt: skip
            break
    return out


def _is_plain_norm(node: onnx.NodeProto | None, weights: Mapping[str, onnx.TensorProto]) -> bool:
    if node is None or node.op_type != "InstanceNormalization":
        return False
    scale, shift = (weights.get(name) for name in node.input[1:])
    if scale is None or shift is None:
        return False
    return bool((numpy_helper.to_array(scale) == 1).all() and (numpy_helper.to_array(shift) == 0).all())


def _replace(graph: onnx.GraphProto, bodies: Mapping[str, list[onnx.NodeProto]], found: Collection[str]) -> None:
    """Puts each body where the last node of its AdaIN stood, and drops what nobody reads any more."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += bodies[node.output[0]] if node.output and node.output[0] in found else [node]
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _float(node: onnx.NodeProto, name: str, default: float) -> float:
    return next((float(helper.get_attribute_value(a)) for a in node.attribute if a.name == name), default)
