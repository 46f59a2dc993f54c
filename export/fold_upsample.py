"""Nearest-neighbour doubling and a 3x3 convolution as one transposed convolution, with 4/9 of the multiplications."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

F32 = NDArray[np.float32]

DOUBLED = "_doubled"
# Which of the three taps fall on one pixel of the picture that is not doubled.
_SUMS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float64)


def fold_upsample(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrites every pair of a nearest-neighbour Resize by two and the 3x3 convolution that alone reads it.

    Each pixel of the doubled picture stands there four times, so the convolution multiplies it by up to four taps that
    can be summed beforehand. Zero padding stays exact: a tap outside the doubled picture is one outside the picture.

    Args:
        model: a flat float32 graph; not changed.

    Returns:
        A new graph, equal up to float32 rounding; the same graph where there is no such pair.

    Source: NVlabs/stylegan training/networks_stylegan.py, upscale2d_conv2d, where the kernel is turned.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    reads = [name for node in graph.node for name in node.input]
    edges = {value.name for value in graph.output}
    dropped: list[onnx.NodeProto] = []
    summed: dict[str, F32] = {}
    for node in graph.node:
        resize = makers.get(node.input[0]) if node.op_type == "Conv" else None
        if resize is None or not _is_plain_conv(node, weights) or not _doubles(resize, weights):
            continue
        if reads.count(resize.output[0]) > 1 or resize.output[0] in edges:
            continue
        name = node.input[1] + DOUBLED
        summed[name] = doubled_taps(weights[node.input[1]])
        replacement = helper.make_node(
            "ConvTranspose", [resize.input[0], name, *node.input[2:]], list(node.output), name=node.name + DOUBLED,
            kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1],
        )  # fmt: skip
        node.CopyFrom(replacement)
        dropped.append(resize)
    if not dropped:
        return out
    for node in dropped:
        graph.node.remove(node)
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in summed.items())
    needed = {name for node in graph.node for name in node.input}
    kept = [weight for weight in graph.initializer if weight.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    onnx.checker.check_model(out, full_check=True)
    return out


def doubled_taps(weight: F32) -> F32:
    """The transposed convolution's weight.

    Args:
        weight: (out, in, 3, 3) of a convolution with padding 1 on the doubled picture.

    Returns:
        (in, out, 4, 4), for stride 2 and padding 1. In one dimension the taps a, b, c become c, b + c, a + b, a: output
        2i is a x[i-1] + (b + c) x[i], output 2i + 1 is (a + b) x[i] + c x[i+1].
    """
    taps = np.einsum("ka,lb,oiab->iokl", _SUMS, _SUMS, weight.astype(np.float64))
    return np.ascontiguousarray(taps, np.float32)


def undoubled_taps(taps: F32) -> F32:
    """Undoes `doubled_taps`: the 3x3 weight whose doubled taps are nearest, for rounded ones are those of no weight.

    Args:
        taps: (in, out, 4, 4).

    Returns:
        (out, in, 3, 3).
    """
    inverse = np.linalg.pinv(_SUMS)
    weight = np.einsum("ak,bl,iokl->oiab", inverse, inverse, taps.astype(np.float64))
    return np.ascontiguousarray(weight, np.float32)


def _is_plain_conv(node: onnx.NodeProto, weights: dict[str, F32]) -> bool:
    """Whether a Conv is 3x3, stride 1, padding 1, not in groups, with a float32 weight that the graph holds."""
    weight = weights.get(node.input[1])
    if weight is None or weight.dtype != np.float32 or weight.shape[2:] != (3, 3):
        return False
    values = _attributes(node)
    return (
        values.get("group", 1) == 1
        and list(values.get("pads", ())) == [1, 1, 1, 1]
        and list(values.get("strides", (1, 1))) == [1, 1]
        and list(values.get("dilations", (1, 1))) == [1, 1]
        and values.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _doubles(node: onnx.NodeProto, weights: dict[str, F32]) -> bool:
    """Whether a node repeats each pixel twice along height and width."""
    if node.op_type != "Resize" or len(node.input) < 3 or node.input[1] or any(node.input[3:]):
        return False
    values = _attributes(node)
    where = (values.get("coordinate_transformation_mode", b"half_pixel"), values.get("nearest_mode"))
    # With other ways of rounding half a pixel, "half_pixel" takes the same pixels at a whole factor; torch writes this.
    return (
        values.get("mode", b"nearest") == b"nearest"
        and where == (b"asymmetric", b"floor")
        and not values.get("antialias")
        and weights.get(node.input[2], np.empty(0)).tolist() == [1.0, 1.0, 2.0, 2.0]
    )


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
