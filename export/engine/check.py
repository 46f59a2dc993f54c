"""The float16 graph against what torch gave at export, before an engine is built of it."""

from __future__ import annotations

import math

import numpy as np
import onnx

from facesdk.errors import PackError
from facesdk.pack import Pack
from facesdk.pack.writer import PROBE_INPUT
from facesdk.runtime.onnx_session import OnnxSession

# Mean error of an output over its largest value. bfloat16 has three bits less, and `facesdk doctor` lets it have this.
MOST_RELATIVE = 2e-2


def check_half(pack: Pack, key: str, model: onnx.ModelProto) -> float | None:
    """Runs the pack's probe through the float16 graph in ONNX Runtime.

    A CPU computes such nodes in float32 and rounds every result to float16, so this sees what the types lose, and not
    the sums that a GPU might keep in float16.

    Args:
        pack: with a probe.
        key: "family.graph".
        model: from `engine_graph`.

    Returns:
        The worst output's mean error over its largest value; None if the pack has no probe.

    Raises:
        PackError: it is above MOST_RELATIVE, or no number.
    """
    if PROBE_INPUT not in pack.manifest.files:
        return None
    spec = pack.graphs[key]
    inputs, expected = pack.probe()
    session = OnnxSession(key, spec, model.SerializeToString(), 1)
    outputs = session.run({tensor.name: inputs[f"{key}.{tensor.name}"] for tensor in spec.inputs})
    worst = 0.0
    for tensor in spec.outputs:
        want = expected[f"{key}.{tensor.name}"].astype(np.float64)
        error = float(np.abs(outputs[tensor.name] - want).mean() / max(float(np.abs(want).max()), 1e-12))
        if not math.isfinite(error) or error > MOST_RELATIVE:
            raise PackError(
                f"{key}: in float16 {tensor.name} is off by {error:.2g} of its largest value, at most "
                f"{MOST_RELATIVE:g} may be. No engine was built.",
                "Find the layer that overflows, and add its operator to FP32_OPS in export/to_fp16.py.",
            )
        worst = max(worst, error)
    return worst
