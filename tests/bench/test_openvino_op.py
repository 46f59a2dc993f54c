"""The bench of the decoder in OpenVINO: its ratio is that within rounds, and without parity there is no speed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bench.openvino_op as op
from bench.gate import REPOSITORY, GateError
from bench.openvino_op import DecoderCase, decoder_figures, require_parity
from bench.timing import Timing
from facesdk.runtime.openvino_extension import Extension


def case() -> DecoderCase:
    spec: Any = None
    return DecoderCase("decoder", spec, b"", {}, must=1.15, aim=2.0)


def test_the_ratio_is_the_median_within_rounds() -> None:
    times = {"own": Timing({"total": (10.0, 20.0, 40.0)}), "standard": Timing({"total": (15.0, 24.0, 20.0)})}
    own, standard, ratio = decoder_figures("decoder, 1 thread", case(), times)
    assert (own.value, standard.value) == (20, 20)
    assert ratio.value == pytest.approx(1.2) and ratio.ok and not ratio.reaches_aim


@pytest.mark.parametrize(
    ("layers", "error", "reason"), [(0, 0.0, "no layer"), (2, 0.4, "from float32"), (2, np.nan, "nan")]
)
def test_no_speed_without_parity(monkeypatch: pytest.MonkeyPatch, layers: int, error: float, reason: str) -> None:
    class Session:
        """float32 gives 0, standard bf16 0.1, the own layer `error`."""

        def __init__(self, *given: Any, own_layers: bool | None = None) -> None:
            self.value = {None: 0.0, False: 0.1, True: error}[own_layers]
            self.fused_layers = layers if own_layers else 0

        def run(self, feeds: object) -> dict[str, np.ndarray]:
            return {"image": np.full((2, 2), self.value)}

    monkeypatch.setattr(op, "OpenvinoSession", Session)
    with pytest.raises(GateError, match=f"No speed is printed: .*{reason}"):
        require_parity(case())


def test_nothing_is_measured_where_the_layer_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op, "own_layers", lambda: Extension(None, "no compiler"))
    assert op.openvino_report(1) is None


def test_the_files_of_the_gate_are_there() -> None:
    assert [name for name in op.GATE if not (REPOSITORY / name).is_file()] == []
