"""The bench of many faces: both ways paint the same picture, and the figures are what the times say."""

from __future__ import annotations

import pytest

from bench.batches import CALLS, ONE_BY_ONE, TOGETHER, CrowdBench, crowd_report, measure_crowd
from bench.scene import FULL_HW, SIZE_HW, crowd_frame, full_frame
from bench.timing import Timing
from facesdk.errors import InputError
from facesdk.pack import Pack
from tests.facesdk.fake_pack import picture, write_fake_pack

SOURCE = picture((320, 320), [(4, 4)])
CROWD = picture((384, 512), [(2, 3), (4, 8), (7, 4), (3, 13), (9, 9)])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino-f32"])
def test_together_is_the_same_picture_as_one_by_one(pack: Pack, backend: str) -> None:
    pytest.importorskip("openvino" if backend.startswith("openvino") else "onnxruntime")
    bench = measure_crowd(pack, SOURCE, CROWD, backend, 5, 1)
    assert bench.count == 5 and bench.worst_level <= 1 and bench.mean_level < 0.01
    for name in (TOGETHER, ONE_BY_ONE, CALLS):
        assert len(bench.timings[name].stages_ms["total"]) == 5 and bench.timings[name].median_ms() > 0
    stages = set(bench.timings[TOGETHER].stages_ms)
    assert {"landmarks", "encode", "blend", "decode", "parse", "mask", "paste", "total"} <= stages


def test_one_face_is_no_crowd(pack: Pack) -> None:
    with pytest.raises(InputError, match="1 found"):
        measure_crowd(pack, SOURCE, picture(SIZE_HW, [(9, 18)]), "onnxruntime", 5, 1)


def test_the_ratios_are_those_of_the_rounds() -> None:
    times = {
        TOGETHER: Timing({"decode": (8.0, 8.0), "total": (10.0, 20.0)}),
        ONE_BY_ONE: Timing({"decode": (16.0, 16.0), "total": (20.0, 40.0)}),
        CALLS: Timing({"total": (80.0, 160.0)}),
    }
    figures = {f.name: f for f in crowd_report(CrowdBench(times, 8, 1, 0.25, "x", 2)).figures}
    ratio = figures["  times faster than one by one"]
    assert (ratio.value, ratio.ok, ratio.reaches_aim) == (2.0, True, False)
    assert figures["    decode"].value == 2.0 and figures["  times faster than a call for each face"].value == 8.0


def test_the_scenes_have_their_sizes() -> None:
    crowd, full = crowd_frame(), full_frame()
    assert crowd.shape == (*SIZE_HW, 3) and full.shape == (*FULL_HW, 3)
    # Eight different people: no two places are alike.
    places = {crowd[y : y + 320, x : x + 320].tobytes() for y in (40, 400) for x in range(0, 1280, 320)}
    assert len(places) == 8
