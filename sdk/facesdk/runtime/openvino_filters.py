"""Filters of convolutions that a pack stores as int8: float32 again before OpenVINO compiles the graph."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from facesdk.runtime.openvino_extension import constant

CONVOLUTIONS = ("Convolution", "ConvolutionBackpropData")


def unpack_filters(graph: Any) -> int:
    """Puts each filter that the graph scales there as a constant, in place.

    OpenVINO 2026.4 would do it itself, but compiled for several streams it then takes the filters without their scales.

    Args:
        graph: OpenVINO's model.

    Returns:
        How many.
    """
    ops: Any = importlib.import_module("openvino.opset13")
    unpacked = 0
    for node in graph.get_ordered_ops():
        if node.get_type_name() not in CONVOLUTIONS:
            continue
        source = node.input_value(1)
        if source.get_node().get_type_name() != "Multiply" or (filters := constant(source)) is None:
            continue
        node.input(1).replace_source_output(ops.constant(np.ascontiguousarray(filters, np.float32)).output(0))
        unpacked += 1
    return unpacked
