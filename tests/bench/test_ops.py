"""The bench of the ops: what it compares does the same work, and its figures are what the times say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import bench.__main__ as command
import bench.ops as ops
from bench.gate import REPOSITORY, GateError
from bench.op_rivals import AdainInput, adain_onnx, adain_torch, blob_crop, paste_whole_picture
from bench.ops import OpCase, case_figures
from bench.timing import Timing
from facesdk.faces.align import crop_matrix
from facesdk.ops.adain import adain
from facesdk.ops.blend import paste
from facesdk.ops.native import has_native
from facesdk.ops.warp_crop import warp_crop


def timing(*milliseconds: float) -> Timing:
    return Timing({"total": milliseconds})


def test_the_chains_compute_adain() -> None:
    given = AdainInput.random(6, 9)
    want = adain(given.x, given.gamma, given.beta, given.noise, given.noise_weight, given.bias, 0.2, impl="numpy")
    chain = adain_onnx(given, 1)
    np.testing.assert_allclose(chain(), want, atol=1e-5)
    np.testing.assert_allclose(adain_torch(given)().numpy(), want, atol=1e-5)
    assert given.x.ctypes.data % 64 == 0


def test_opencv_makes_the_same_crop_and_the_same_picture() -> None:
    y, x = np.mgrid[0:90, 0:120]
    frame = np.stack([128 + 90 * np.sin(x / 15 + k) * np.cos(y / 12) for k in range(3)], -1).astype(np.uint8)
    points = np.array([[50, 40], [70, 40], [60, 50], [52, 62], [68, 62]], np.float32)
    matrix = crop_matrix(points, "canon", 64)
    # warpAffine's pixel centres are whole numbers: half a pixel of the crop off.
    crop = blob_crop(frame, matrix, 64)[0]
    assert np.abs(crop - warp_crop(frame, [matrix], 64)[0]).mean() < 0.02
    mask = np.zeros((64, 64), np.float32)
    cv2.circle(mask, (32, 32), 20, 1.0, -1)
    face = np.full((64, 64, 3), 200, np.float32)
    whole, ours = paste_whole_picture(frame, face, mask, matrix), paste(frame, face, mask, matrix)[0]
    assert (whole != frame).any() and np.abs(whole.astype(int) - ours).mean() < 2


def test_figures_are_the_ratios_of_the_best_rounds() -> None:
    case = OpCase("op", {}, moved_bytes=8_000_000, bounds={"slow": (7.0, 20.0)})
    times = {"native": timing(9, 2, 3), "slow": timing(20, 30, 99), "other": timing(1, 5), "copy": timing(4, 1)}
    figures = {figure.name: figure for figure in case_figures(case, times)}
    assert figures["op, best"].value == 2 and figures["op, best"].better == "lower"
    slow, other = figures["  times faster than slow"], figures["  times faster than other"]
    assert (slow.value, slow.ok, slow.reaches_aim) == (10, True, False) and (other.value, other.ok) == (0.5, None)
    assert figures["  share of copying as much (8 GB/s)"].value == 50


def test_one_round_of_small_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_native():
        pytest.skip("the native module is not there: tests/facesdk/ops says whether it must be")
    monkeypatch.setattr(ops, "ADAIN_SHAPES", ((4, 8),))
    monkeypatch.setattr(ops, "FRAME_HW", (270, 480))
    monkeypatch.setattr(ops, "FACE_PX", 80.0)
    monkeypatch.setattr(ops, "_layer_case", lambda threads: OpCase("layer", {"native": lambda: None}))
    before = cv2.getNumThreads()
    report = ops.measure_ops(2, 1, "3 passed")
    names = [figure.name for figure in report.figures]
    for op in ("adain 4x8x8", "warp_crop, 80 px face", "paste, 80 px face", "nms"):
        assert any(name.startswith(op) for name in names), names
    assert all(figure.value is not None and figure.value > 0 for figure in report.figures)
    assert report.settings["tests"] == "3 passed" and cv2.getNumThreads() == before


def test_no_speed_when_the_gate_is_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(files: object) -> str:
        raise GateError(f"No speed is printed: {files}")

    monkeypatch.setattr(command, "require_tests", shut)
    monkeypatch.setattr(command, "measure_ops", lambda *a: pytest.fail("timed all the same"))
    result = CliRunner().invoke(command.app, ["ops"])
    assert isinstance(result.exception, GateError) and "test_adain.py" in str(result.exception)


def test_the_files_of_the_gate_are_there() -> None:
    assert [name for name in ops.GATE if not (REPOSITORY / name).is_file()] == []
