"""The bench against insightface: both sides cut the same square and paste the same picture."""

from __future__ import annotations

import numpy as np
import pytest

import bench.peers as peers
from bench.gate import REPOSITORY, GateError
from bench.peers import CROP_PX, check_pastes, measure_peers, open_peer, peer_faces, peer_report, points_for
from bench.timing import Timing
from facesdk.errors import InputError
from facesdk.faces.align import crop_matrix
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.pack import Pack
from tests.facesdk.fake_pack import box_of, picture, points_of, write_fake_pack

FRAME = picture((384, 512), [(5, 7)])
POINTS = points_of(5, 7)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


def _needs_insightface() -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed: facesdk[bench]")
    pytest.importorskip("insightface", reason="insightface is not installed: pip install --no-deps insightface")


def test_the_peer_cuts_the_square_that_our_matrix_cuts() -> None:
    _needs_insightface()
    peer, _ = open_peer(lambda blob: blob)
    matrix = crop_matrix(POINTS, "canon", CROP_PX)
    asked = peer_faces(points_for(matrix), np.eye(1, 512, dtype=np.float32)[0])
    np.testing.assert_allclose(peer.get(FRAME, *asked, paste_back=False)[1], matrix, atol=1e-3)


def test_both_pastes_show_the_same_inside() -> None:
    _needs_insightface()
    rng = np.random.default_rng(0)
    noisy = np.clip(FRAME + rng.normal(0, 20, FRAME.shape), 0, 255).astype(np.uint8)
    # The peer cuts fractions off, which alone is half a level.
    assert 0.3 < check_pastes(noisy, POINTS) < peers.MOST_MEAN_LEVELS


def test_a_paste_that_is_off_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_insightface()
    paste_into = peers.paste_into

    def shifted(image, crop, mask, matrix):
        return paste_into(image, crop, mask, matrix + np.array([[0, 0, 3], [0, 0, 0]]))

    def leaking(image, crop, mask, matrix):
        image[0, 0] ^= 255
        return paste_into(image, crop, mask, matrix)

    for broken, text in ((shifted, "inside, the pastes differ"), (leaking, "outside its mask")):
        monkeypatch.setattr(peers, "paste_into", broken)
        with pytest.raises(GateError, match=text):
            check_pastes(FRAME, POINTS)


def test_our_side_paints_the_same_without_asking_a_network(pack: Pack) -> None:
    with FaceAnalyzer(pack, "onnxruntime", 1) as analyzer:
        face = analyzer.analyze(FRAME, recognise=False, parse=False)[0]
        identity = Identity.synthetic(picture((320, 320), [(4, 4)]), analyzer=analyzer)
        call = peers._our_call(pack, analyzer, "onnxruntime", 1, FRAME, face, identity, 0.0)
    first, second = call(), call()
    np.testing.assert_array_equal(first, second)
    x, y = POINTS.mean(0).astype(int)
    assert (first[y, x] != FRAME[y, x]).any() and (first[0] == FRAME[0]).all()


def test_a_round_of_a_small_picture(pack: Pack) -> None:
    _needs_insightface()
    bench = measure_peers(pack, picture((320, 320), [(4, 4)]), FRAME, "onnxruntime", 5, 1)
    assert bench.face_px == box_of(5, 7)[3] - box_of(5, 7)[1] and bench.size_hw == (384, 512)
    assert bench.pixels["facesdk"] == pytest.approx(bench.pixels["insightface"], rel=1e-3)
    figures = {figure.name: figure for figure in peer_report(bench, pack, "3 passed", 5).figures}
    ratio = figures["  facesdk, times faster than insightface"]
    assert ratio.must == 10 and ratio.aim == 25 and ratio.value is not None and ratio.value > 0


def test_the_ratio_is_that_of_the_rounds(pack: Pack) -> None:
    times = {"facesdk": Timing({"total": (2.0, 4.0)}), "insightface": Timing({"total": (40.0, 40.0)})}
    bench = peers.PeerBench(times, 300.0, (1080, 1920), {"facesdk": 1, "insightface": 1}, 0.5, "2.1", 1)
    report = peer_report(bench, pack, "ok", 2)
    assert [f.value for f in report.figures] == [3.0, 15.0, 40.0, 0.5] and "insightface 2.1" in report.title


def test_without_insightface_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(peers.importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"(?s)not installed.*--no-deps insightface"):
        open_peer(lambda blob: blob)


def test_the_files_of_the_gate_are_there() -> None:
    assert [name for name in peers.GATE if not (REPOSITORY / name).is_file()] == []
