from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.gate import GateError
from bench.pipelines import check_pack, measure_swap, swap_report
from bench.scene import SIZE_HW, target_frame
from facesdk.errors import InputError
from facesdk.media.image import load_image
from facesdk.pack import Pack
from facesdk.runtime.select import available_backends
from tests.facesdk.fake_pack import picture, write_fake_pack

TARGET = picture(SIZE_HW, [(9, 18)])
SOURCE = picture((320, 320), [(4, 4)])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


def test_every_backend_is_timed_stage_by_stage(pack: Pack) -> None:
    backends = available_backends()
    bench = measure_swap(pack, SOURCE, TARGET, rounds=5, threads=1)
    assert tuple(bench.timings) == backends and bench.size_hw == SIZE_HW and bench.face_px == 96
    for timing in bench.timings.values():
        stages = set(timing.stages_ms)
        assert {"detect", "landmarks", "encode", "blend", "decode", "paste", "total"} <= stages
        parts = sum(np.array(timing.stages_ms[s]) for s in stages - {"total"})
        # The stages are inside the total, and are nearly all of it.
        assert np.all(parts <= np.array(timing.stages_ms["total"]) + 0.01)
        assert np.median(parts) > 0.5 * timing.median_ms()
    report = swap_report(bench, pack, "1 passed", 5)
    names = [figure.name for figure in report.figures]
    assert names[0] == f"one swap, {bench.fastest}, median" and report.figures[0].aim == 40.0
    assert sum("times faster than" in name for name in names) == len(backends) - 1
    assert report.document()["settings"]["tests"] == "1 passed"
    assert set(report.details) == set(backends)


def test_a_picture_without_a_face_is_an_error(pack: Pack) -> None:
    with pytest.raises(InputError, match="no face"):
        measure_swap(pack, SOURCE, picture(SIZE_HW, []), ("onnxruntime",), rounds=5, threads=1)
    with pytest.raises(InputError, match="no backend"):
        measure_swap(pack, SOURCE, TARGET, (), rounds=5, threads=1)


def test_a_pack_whose_probe_fails_is_not_timed(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"faces.parser.crop": np.zeros((1, 3, 128, 128), np.float32)}
    wrong = {"faces.parser.parts": np.full((1, 5, 128, 128), 0.5, np.float32)}
    monkeypatch.setattr(Pack, "probe", lambda self: (inputs, wrong))
    with pytest.raises(GateError, match=r"faces\.parser on onnxruntime: mean 0\."):
        check_pack(pack, ("onnxruntime",))


def test_the_frame_is_720p_with_the_picture_whole(tmp_path: Path) -> None:
    path = tmp_path / "tall.png"
    tall = np.zeros((200, 100, 3), np.uint8)
    tall[:, :50, 2] = 255
    cv2.imwrite(str(path), tall)
    frame = target_frame(path)
    assert frame.shape == (*SIZE_HW, 3) and load_image(path)[0, 0].tolist() == [255, 0, 0]
    # 360 px wide in the middle, its left half red; the borders go on with its edges.
    assert frame[300, 600].tolist() == [255, 0, 0] and frame[300, 680].tolist() == [0, 0, 0]
    assert frame[300, 5].tolist() == [255, 0, 0] and frame[300, -5].tolist() == [0, 0, 0]
