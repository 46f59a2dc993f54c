"""How far a backend may be from what torch gave at export, and how far it is."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from facesdk.errors import BackendError
from facesdk.pack import GraphSpec
from facesdk.pack.reader import Arrays

Concrete = Literal[
    "tensorrt-rtx",
    "tensorrt",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
    "openvino-bf16",
    "openvino-f32",
    "onnxruntime",
]
"""The backends, each of which is one runtime in one precision."""

# A backend's key in a graph's parity figures.
PARITY_KEYS: dict[Concrete, str] = {
    "tensorrt-rtx": "tensorrt_rtx",
    "tensorrt": "tensorrt",
    "onnxruntime-cuda": "onnxruntime_cuda",
    "onnxruntime-tensorrt": "onnxruntime_tensorrt",
    "openvino-bf16": "openvino_bf16",
    "openvino-f32": "openvino_f32",
    "onnxruntime": "onnxruntime",
}
# Another CPU sums in another order: so much more than at export is still agreement.
SLACK = 4.0
# Where a graph has no figures for a backend: error relative to the largest expected value.
DEFAULT_RELATIVE: dict[Concrete, float] = {
    "tensorrt-rtx": 2e-2,
    "tensorrt": 2e-2,
    # TensorFloat-32 has the ten bits of float16.
    "onnxruntime-cuda": 5e-3,
    "onnxruntime-tensorrt": 5e-3,
    "openvino-bf16": 2e-2,
    "openvino-f32": 1e-4,
    "onnxruntime": 1e-4,
}


def tolerance(spec: GraphSpec, backend: Concrete, wanted: Arrays) -> float:
    """The greatest mean difference that counts as agreement.

    Args:
        spec: the graph, with the figures of its export.
        backend: that ran it.
        wanted: what torch gave, by output.
    """
    largest = max(float(np.abs(want).max()) for want in wanted.values())
    figures = spec.parity.get(PARITY_KEYS[backend], {})
    if "mean_abs" in figures:
        return SLACK * figures["mean_abs"] + 1e-6 * largest
    return DEFAULT_RELATIVE[backend] * largest


def difference(outputs: Arrays, wanted: Arrays) -> float:
    """As at export: the worst output's mean absolute difference; infinite where a value is no number.

    Raises:
        BackendError: an output has another shape.
    """
    worst = 0.0
    for name, want in wanted.items():
        if outputs[name].shape != want.shape:
            raise BackendError(f"{name} has shape {outputs[name].shape}, {want.shape} expected")
        mean = float(np.abs(outputs[name].astype(np.float64) - want).mean())
        # NaN compares as False with everything; here it must count as the worst.
        worst = max(worst, mean) if math.isfinite(mean) else math.inf
    return worst


def probe_of(key: str, spec: GraphSpec, inputs: Arrays, expected: Arrays) -> tuple[Arrays, Arrays]:
    """One graph's part of a pack's probe: what goes in, and what torch gave.

    Raises:
        BackendError: the probe lacks a tensor.
    """
    try:
        feeds = {tensor.name: inputs[f"{key}.{tensor.name}"] for tensor in spec.inputs}
        return feeds, {tensor.name: expected[f"{key}.{tensor.name}"] for tensor in spec.outputs}
    except KeyError as error:
        raise BackendError(f"the probe has no {error.args[0]}") from error
