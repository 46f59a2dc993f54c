"""The bench of the CUDA ops: the rivals compute the same; the rest runs where a GPU is."""

from __future__ import annotations

import os

import pytest
import torch

import bench.ops_cuda as ops
from bench.gate import REPOSITORY
from facesdk.ops.cuda import has_native_cuda


def test_the_gate_names_tests_that_are_there() -> None:
    assert all((REPOSITORY / name).is_file() for name in ops.GATE)


def test_cases_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "FRAME_HW", (200, 240))
    monkeypatch.setattr(ops, "ADAIN_SHAPES", ((2, 8), (1, 256)))
    monkeypatch.setattr(ops, "GATED_SHAPES", ((6, 2, 40),))
    cases = ops.op_cases(torch.device("cpu"), torch.float32)
    assert [case.name.split()[0].rstrip(",") for case in cases] == [
        "adain", "adain", "gated_attention", "style_attention", "warp_crop",
    ]  # fmt: skip
    assert not cases[0].bounds and cases[1].bounds == {"torch eager": (3.0, None)}
    assert cases[1].moved_bytes == 2 * 4 * 256 * 256
    for case in cases[:2]:
        # The op itself runs on the CPU too.
        with torch.inference_mode():
            torch.testing.assert_close(case.calls["native"](), case.calls["torch eager"](), rtol=1e-4, atol=1e-4)


def test_the_rivals_compute_the_same_and_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (has_native_cuda() and torch.cuda.is_available()):
        if os.environ.get("FACESDK_REQUIRE_GPU") == "1":
            pytest.fail("no CUDA device, or the CUDA module was not built")
        pytest.skip("no CUDA device, or the CUDA module was not built")
    monkeypatch.setattr(ops, "FRAME_HW", (270, 480))
    monkeypatch.setattr(ops, "ADAIN_SHAPES", ((4, 64),))
    monkeypatch.setattr(ops, "GATED_SHAPES", ((70, 2, 40),))
    monkeypatch.setattr(torch, "compile", lambda function: function)
    with torch.inference_mode():
        for case in ops.op_cases(torch.device("cuda"), torch.float16):
            got, want = case.calls["native"](), case.calls["torch eager"]()
            for mine, its in zip(
                got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,)
            ):
                torch.testing.assert_close(mine.float(), its.float(), rtol=2e-2, atol=2e-2)
    report = ops.measure_ops_cuda(2, "3 passed")
    assert all(figure.value is not None and figure.value > 0 for figure in report.figures)
