"""facesdk::FusedAdaIN for an OpenVINO without the project's extension, whose reader does not open function bodies."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

DOMAIN, OPERATOR = "facesdk", "FusedAdaIN"


def read_adain(core: Any) -> None:
    """Lets a core read the operator, as the standard operations that its function body stands for.

    The extension, where it is loaded later, brings a reader of its own that takes precedence.

    Args:
        core: the `openvino.Core`.
    """
    frontend = importlib.import_module("openvino.frontend.onnx")
    core.add_extension(frontend.ConversionExtension(OPERATOR, DOMAIN, _standard))


def _standard(node: Any) -> list[Any]:
    """Leaky ReLU, instance normalisation, scale and shift.

    Source: seed 000, eq. 4.
    """
    ops: Any = importlib.import_module("openvino.opset13")
    x, gamma, beta = (node.get_input(i) for i in range(3))
    slope, epsilon = float(node.get_attribute("slope", 1.0)), float(node.get_attribute("epsilon", 1e-5))
    if slope != 1.0:
        x = ops.prelu(x, ops.constant(np.array([slope], np.float32))).output(0)
    rows = ops.gather(ops.shape_of(x), ops.constant(np.array([0, 1])), ops.constant(np.array(0)))
    planes = ops.concat([rows, ops.constant(np.array([1, 1]))], 0)
    axes = ops.constant(np.array([2, 3]))
    normed = ops.mvn(x, axes, True, epsilon, "INSIDE_SQRT")
    scaled = ops.multiply(normed, ops.reshape(gamma, planes, False))
    return [ops.add(scaled, ops.reshape(beta, planes, False)).output(0)]
