from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import bench.__main__ as command
import bench.live as live
from bench.gate import GateError
from bench.live import LiveBench, live_report, measure_live
from bench.live_clip import COUNT, SWAY_PX, sway, write_sway
from bench.live_memory import LiveMemory, rss_mib
from facesdk.pack import Pack
from facesdk.pipelines.live_painter import LivePainter
from tests.facesdk.clips import pictures
from tests.facesdk.fake_pack import picture, write_fake_pack

# A small picture: what is tested is the measuring. The markers' grid is 32 px, so it may hardly sway.
TARGET = picture((160, 256), [(1, 3)])
SOURCE = picture((256, 256), [(3, 3)], 220)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.live_clip.SWAY_PX", 2)
    monkeypatch.setattr("bench.live_clip.COUNT", 20)
    monkeypatch.setattr(live, "COUNT", 20)
    monkeypatch.setattr(live, "CHECKED", 10)


def _measure(pack: Pack) -> LiveBench:
    return measure_live(pack, SOURCE, TARGET, frames=60, seconds=0.5, backend="onnxruntime", threads=1)


def test_what_is_measured(pack: Pack) -> None:
    bench = _measure(pack)
    assert list(bench.by_camera) == [30, 60] and bench.size_hw == (160, 256) and bench.swapped_share == 1.0
    for run in bench.by_camera.values():
        assert 0 < run.latency_ms.p50 <= run.latency_ms.p95 and run.shown > 1
    assert bench.free_fps > 0 and bench.alone_fps > 0
    if rss_mib() is not None:
        memory = bench.memory
        assert len(memory.rss_mib) == 60 and min(memory.rss_mib) > 10 and len(memory.warm_mib) == 30
        assert memory.growth_percent is not None and (memory.shown, memory.swapped, memory.in_order) == (60, 60, True)
    report = live_report(bench, pack, "3 passed")
    bounds = {figure.name: (figure.must, figure.aim) for figure in report.figures if figure.must is not None}
    assert list(bounds.values()) == [(25.0, 60.0), (120.0, 50.0), (1.0, None)]
    assert "  swap, p50" in [figure.name for figure in report.figures]
    json.dumps(report.document(), allow_nan=False)


def test_growth_is_of_medians() -> None:
    # 4000 frames, a sample every ten: the first 60 are the warm-up.
    flat = LiveMemory((50.0,) * 60 + (100.0,) * 200 + (900.0,) + (100.0,) * 139, 4000, 4000, True, 30.0)
    assert flat.growth_percent == 0.0 and len(flat.warm_mib) == 340
    grown = LiveMemory((50.0,) * 60 + tuple(np.linspace(100, 110, 340)), 4000, 4000, True, 30.0)
    assert grown.growth_percent == pytest.approx(9.0, abs=0.2)
    assert LiveMemory((), 4000, 4000, True, 30.0).growth_percent is None


def test_no_speed_of_what_is_not_the_swap(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GateError, match="frame 0 was not swapped"):
        measure_live(pack, SOURCE, picture((160, 256), []), 60, 0.5, "onnxruntime", 1)
    swap = LivePainter.swap
    monkeypatch.setattr(LivePainter, "swap", lambda self, frame: frame if frame.index == 7 else swap(self, frame))
    with pytest.raises(GateError, match="frame 7 is not the films' swap"):
        _measure(pack)


def test_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.live_clip.SWAY_PX", SWAY_PX)
    monkeypatch.setattr("bench.live_clip.COUNT", COUNT)
    flat = np.full((32, 256, 3), 100, np.uint8)
    flat[:, 120:136] = 250
    frames = list(sway(flat))
    assert len(frames) == 120
    middles = [np.flatnonzero(frame[:, :, 0].mean(0) > 175).mean() for frame in frames]
    assert min(middles) == pytest.approx(127.5 - SWAY_PX, abs=1) and max(middles) == pytest.approx(
        127.5 + SWAY_PX, abs=1
    )
    assert 1.5 < (frames[0].astype(float) - flat).std() < 2.5 and (frames[0] != frames[60]).any()
    monkeypatch.setattr("bench.live_clip.COUNT", 4)
    decoded = pictures(write_sway(tmp_path / "a.mp4", flat, 30))
    assert len(decoded) == 4 and np.abs(decoded[0].astype(int) - frames[0]).mean() < 4


def test_the_command(pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []
    monkeypatch.setattr(command, "require_tests", lambda files: asked.append(files) or "7 passed")
    monkeypatch.setattr(command, "source_picture", lambda path: SOURCE)
    monkeypatch.setattr(command, "target_frame", lambda path: TARGET)
    out = tmp_path / "live.json"
    options = ["--pack", str(pack.path), "--frames", "100", "--seconds", "1", "--backend", "onnxruntime"]
    result = CliRunner().invoke(command.app, ["live", *options, "--threads", "1", "--json", str(out)])
    assert result.exit_code == 0, result.exception
    document = json.loads(out.read_text())
    assert (
        asked == [live.GATE] and document["settings"]["tests"] == "7 passed" and document["settings"]["frames"] == 100
    )
