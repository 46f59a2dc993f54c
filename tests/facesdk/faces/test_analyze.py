"""The analyzer: stages, order, timings, and what the other stages add."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import BackendError, InputError
from facesdk.faces.align import crop_matrix, warp_crop
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.boxes import face_box
from facesdk.faces.landmarks import Landmarker
from facesdk.faces.parse import Part
from facesdk.faces.recognise import unit
from facesdk.types import U8, Face
from tests.facesdk.fake_pack import CELL, box_of, picture, write_fake_pack


def test_faces_come_from_left_to_right_with_all_that_is_asked(analyzer: FaceAnalyzer):
    faces = analyzer.analyze(picture((320, 480), [(2, 12), (6, 2), (3, 7)]))
    assert [face.box[0] for face in faces] == [32, 192, 352]
    for face in faces:
        assert face.landmarks is not None and face.embedding is not None and face.parts is not None
        assert face.parts.shape == (5, 128, 128)


def test_a_stage_that_is_not_asked_for_does_not_run(analyzer: FaceAnalyzer):
    faces, timings = analyzer.analyze_timed(picture((128, 128), [(1, 1)]), recognise=False, parse=False)
    assert faces[0].embedding is None and faces[0].parts is None
    assert list(timings.as_dict()) == ["detect", "landmarks"]


def test_what_the_landmark_net_rejects_is_not_reported(tmp_path: Path):
    image = picture((320, 480), [(2, 3), (6, 10)])
    image[2 * CELL : 4 * CELL, 4 * CELL : 5 * CELL] = (0, 255, 0)
    with FaceAnalyzer(write_fake_pack(tmp_path / "pack", presence=True)) as strict:
        found = strict.analyze(image, recognise=False, parse=False)
        (face,) = found
        (low, high), centre = box_of(6, 10).reshape(2, 2), face.points.mean(0)
        assert face.landmarks is not None and (low < centre).all() and (centre < high).all()
        np.testing.assert_allclose(face.box, face_box(face.landmarks))
        # Only the rejected one is left, and what the other tries see of it is rejected too.
        left = image[: 6 * CELL].copy()
        left[left[..., 0] == 90] = (90, 160, 90)
        faces, timings = strict.analyze_timed(left, recognise=False, parse=False)
        assert faces == [] and [stage.stage for stage in timings].count("detect") >= 4
        assert len(strict.detector.detect(left)) == 1


def test_a_pack_without_presence_keeps_what_the_detector_finds(analyzer: FaceAnalyzer):
    image = picture((320, 480), [(2, 3), (6, 10)])
    image[2 * CELL : 4 * CELL, 4 * CELL : 5 * CELL] = (0, 255, 0)
    faces = analyzer.analyze(image, recognise=False, parse=False)
    # Nobody says that its points are worth more than the detector's boxes.
    assert [face.box.tolist() for face in faces] == [box_of(2, 3).tolist(), box_of(6, 10).tolist()]


def test_what_both_nets_say_together_decides_where_the_pack_has_a_rule(tmp_path: Path):
    image = picture((320, 480), [(2, 3), (6, 10)])
    with FaceAnalyzer(write_fake_pack(tmp_path / "plain", presence=True)) as plain:
        assert plain.evidence is None and len(plain.analyze(image, recognise=False, parse=False)) == 2
    # More than two sure nets can say, and less than anybody does.
    for threshold, count in ((30.0, 0), (-30.0, 2)):
        rule = {"candidate_score": 0.5, "presence_weight": 0.5, "threshold": threshold}
        with FaceAnalyzer(write_fake_pack(tmp_path / str(count), presence=True, evidence=rule)) as strict:
            assert len(strict.analyze(image, recognise=False, parse=False)) == count
    rule = {"candidate_score": 1.1, "presence_weight": 0.5, "threshold": -30.0}
    with FaceAnalyzer(write_fake_pack(tmp_path / "none", presence=True, evidence=rule)) as blind:
        assert blind.analyze(image, recognise=False, parse=False) == []


def test_the_rule_says_how_much_candidates_may_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    image, looked = picture((256, 384), [(2, 3), (2, 4)]), list[int]()
    locate = Landmarker.locate

    def counted(self: Landmarker, image: U8, faces: list[Face], min_presence: float = 0.0) -> list[Face]:
        looked.append(len(faces))
        return locate(self, image, faces, min_presence)

    monkeypatch.setattr(Landmarker, "locate", counted)
    for count, overlap in ((1, {}), (2, {"candidate_iou": 0.6})):
        rule = {"candidate_score": 0.5, "presence_weight": 0.5, "threshold": -30.0, **overlap}
        with FaceAnalyzer(write_fake_pack(tmp_path / str(count), presence=True, evidence=rule)) as analyzer:
            # The boxes of their points share less than the detector's.
            assert len(analyzer.analyze(image, recognise=False, parse=False)) == count
    assert looked == [1, 2]


def test_the_embedding_is_the_crops_colour_at_length_one(analyzer: FaceAnalyzer):
    image = picture((128, 128), [(1, 1)])
    face = analyzer.analyze(image)[0]
    assert face.embedding is not None and face.landmarks is not None
    crop = warp_crop(image, crop_matrix(face.landmarks, "arcface", 112), 112)
    expected = np.zeros(512)
    expected[:3], expected[3] = crop.mean((0, 1)) / 127.5 - 1, 0.5
    np.testing.assert_allclose(face.embedding, expected / np.linalg.norm(expected), atol=2e-3)
    assert np.linalg.norm(face.embedding) == pytest.approx(1)


def test_parts_show_what_is_green_as_occluder(analyzer: FaceAnalyzer):
    image = picture((256, 256), [(3, 3)])
    image[3 * CELL + 16 : 3 * CELL + 32, 2 * CELL : 5 * CELL] = (0, 255, 0)
    parts = analyzer.analyze(image)[0].parts
    assert parts is not None
    # Rows 112..128 of the picture; the box of 96 px begins at row 64 and is the crop.
    bar = slice(int((116 - 64) / 96 * 128), int((124 - 64) / 96 * 128))
    assert parts[Part.OCCLUDER, bar].min() > 0.99 and parts[Part.OCCLUDER, 20:40].max() < 0.01
    np.testing.assert_allclose(parts[Part.FACE], 1 - parts[Part.OCCLUDER], atol=1e-6)


def test_bgr_and_rgb_give_the_same(analyzer: FaceAnalyzer):
    image = picture((128, 128), [(1, 1)])
    swapped = analyzer.analyze(image[..., ::-1], color="bgr")
    np.testing.assert_array_equal(swapped[0].box, analyzer.analyze(image)[0].box)
    # With the channels confused the marker looks upside down.
    assert analyzer.analyze(image[..., ::-1])[0].box.tolist() != swapped[0].box.tolist()


def test_nothing_found_is_an_empty_list(analyzer: FaceAnalyzer):
    assert analyzer.analyze(picture((100, 100), [])) == []


def test_min_face_is_checked(analyzer: FaceAnalyzer):
    with pytest.raises(InputError, match="min_face"):
        analyzer.analyze(picture((100, 100), []), min_face=-1)


def test_many_threads_get_the_same_answer(analyzer: FaceAnalyzer):
    pictures = [picture((160, 320), [(1, column)]) for column in range(1, 9)]
    found: dict[int, float] = {}

    def work(column: int) -> None:
        found[column] = float(analyzer.analyze(pictures[column - 1])[0].box[0])

    threads = [threading.Thread(target=work, args=(column,)) for column in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {column: float(box_of(1, column)[0]) for column in range(1, 9)}


def test_unit_refuses_what_has_no_direction():
    np.testing.assert_allclose(unit(np.array([[3.0, 4.0]])), [[0.6, 0.8]], rtol=1e-6)
    for bad in ([0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(BackendError, match="direction"):
            unit(np.array([bad]))
