"""The detector: SCRFD's decoding, scales, and the fall-back tries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import BackendError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.detect import decode, unrotate
from facesdk.faces.search_plan import SearchPlan
from tests.facesdk.fake_pack import CELL, box_of, picture, points_of


def _maps(size_hw: tuple[int, int]) -> dict[str, np.ndarray]:
    maps = {}
    for stride in (8, 16, 32):
        cells = (size_hw[0] // stride) * (size_hw[1] // stride) * 2
        maps[f"score_{stride}"] = np.zeros((1, cells, 1), np.float32)
        maps[f"box_{stride}"] = np.full((1, cells, 4), 99, np.float32)
        maps[f"points_{stride}"] = np.full((1, cells, 10), 99, np.float32)
    return maps


def test_decode_places_box_and_points_by_row_column_anchor_and_stride():
    maps = _maps((64, 96))
    # Stride 16: 4 rows x 6 columns; row 2, column 5, second anchor.
    index = (2 * 6 + 5) * 2 + 1
    maps["score_16"][0, index] = 0.8
    maps["box_16"][0, index] = [1.0, 0.5, 0.25, 2.0]
    maps["points_16"][0, index] = np.arange(10) / 4
    boxes, scores, points = decode(maps, (64, 96), 0.5)
    np.testing.assert_array_equal(boxes, [[80 - 16, 32 - 8, 80 + 4, 32 + 32]])
    np.testing.assert_array_equal(scores, np.float32([0.8]))
    np.testing.assert_array_equal(points[0], np.array([80, 32]) + np.arange(10).reshape(5, 2) * 4)


def test_decode_keeps_what_reaches_the_threshold_and_drops_the_rest():
    maps = _maps((64, 64))
    maps["score_8"][0, 0], maps["score_32"][0, 3] = 0.5, 0.499
    assert decode(maps, (64, 64), 0.5)[1].tolist() == [0.5]


def test_decode_refuses_nan():
    maps = _maps((32, 32))
    maps["score_8"][0, 4] = np.nan
    with pytest.raises(BackendError, match="NaN"):
        decode(maps, (32, 32), 0.5)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_unrotate_finds_the_pixel_again(turns: int):
    image = np.arange(5 * 7).reshape(5, 7)
    turned = np.rot90(image, turns)
    row, column = 2, 1
    x, y = unrotate(np.array([column + 0.5, row + 0.5]), turns, (5, 7))
    assert image[int(y), int(x)] == turned[row, column]


def test_finds_markers_where_they_are(analyzer: FaceAnalyzer):
    faces = analyzer.detector.detect(picture((256, 384), [(2, 3), (4, 8)]))
    found = sorted(faces, key=lambda face: face.box[0])
    np.testing.assert_allclose(found[0].box, box_of(2, 3), atol=1e-4)
    np.testing.assert_allclose(found[1].box, box_of(4, 8), atol=1e-4)
    np.testing.assert_allclose(found[1].points, points_of(4, 8), atol=1e-3)
    assert [round(face.score, 3) for face in faces] == [1.0, 1.0]


def test_a_large_picture_is_shown_smaller_and_boxes_are_scaled_back(analyzer: FaceAnalyzer):
    small = picture((256, 640), [(2, 9)])
    large = small.repeat(3, 0).repeat(3, 1)
    face = analyzer.detector.detect(large)[0]
    np.testing.assert_allclose(face.box, box_of(2, 9) * 3, rtol=1e-5)


def test_boxes_that_overlap_are_one_unless_more_is_allowed(analyzer: FaceAnalyzer):
    # A column apart, two boxes share two thirds of each: half of both together.
    image = picture((256, 384), [(2, 3), (2, 4)])
    assert len(analyzer.detector.detect(image)) == 1
    assert len(next(analyzer.detector.tries(image, overlap=0.45))) == 1
    found = next(analyzer.detector.tries(image, overlap=0.55))
    assert sorted(face.box.tolist() for face in found) == [box_of(2, 3).tolist(), box_of(2, 4).tolist()]


def test_the_result_is_sorted_by_score(analyzer: FaceAnalyzer):
    image = picture((256, 384), [(2, 3), (4, 8)])
    weak = image[2 * CELL : 4 * CELL, 3 * CELL : 4 * CELL]
    weak[...] = (weak * 0.9).astype(np.uint8)
    faces = analyzer.detector.detect(image)
    assert faces[0].score > faces[1].score > 0.5
    np.testing.assert_allclose(faces[1].box, box_of(2, 3), atol=1e-4)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_picture_gives_the_same_face_in_its_own_pixels(analyzer: FaceAnalyzer, turns: int):
    upright = picture((256, 384), [(3, 5)])
    image = np.ascontiguousarray(np.rot90(upright, turns))
    face = analyzer.detector.detect(image)[0]
    # Where the turn takes the upright box and points: the inverse of turning back.
    corners = unrotate(box_of(3, 5).reshape(2, 2), 4 - turns, image.shape[:2][::-1] if turns % 2 else image.shape[:2])
    expected_box = np.concatenate([corners.min(0), corners.max(0)])
    if turns % 2:
        expected_box = _turned_box(turns)
    np.testing.assert_allclose(face.box, expected_box, atol=1e-3)
    assert analyzer.detector.detect(image, retry=False) == []


def _turned_box(turns: int) -> np.ndarray:
    """The box of (3, 5) in a 256 x 384 picture after np.rot90(turns), written out for the two quarter turns."""
    x0, y0, x1, y1 = box_of(3, 5)
    return np.array([y0, 384 - x1, y1, 384 - x0] if turns == 1 else [256 - y1, x0, 256 - y0, x1], np.float32)


def test_a_turned_face_keeps_its_eyes_in_order(analyzer: FaceAnalyzer):
    upside_down = np.ascontiguousarray(np.rot90(picture((256, 384), [(3, 5)]), 2))
    points = analyzer.detector.detect(upside_down)[0].points
    np.testing.assert_allclose(points, [384, 256] - points_of(3, 5), atol=1e-3)


def test_a_small_face_is_found_enlarged(analyzer: FaceAnalyzer):
    # Half the marker's size: at 1:1 only half of the detector's window is lit.
    half = picture((256, 384), [(2, 3)])[::2, ::2]
    face = analyzer.detector.detect(np.ascontiguousarray(half))[0]
    np.testing.assert_allclose(face.box, box_of(2, 3) / 2, atol=0.6)


def test_a_face_that_fills_the_picture_is_found_zoomed_out(analyzer: FaceAnalyzer):
    # Red over blue, and the line between them off the 32 px grid at 1:1 and at 2:1. At 1:2, with a margin of half the
    # picture (58 rows, 32 columns), it lies on row 58 + 37.5, next to the grid's 96.
    image = np.zeros((234, 128, 3), np.uint8)
    plan = replace(SearchPlan.of((234, 128)), coarse_scale=None, margin_scale=0.5)
    image[:75], image[75:] = (255, 0, 0), (0, 0, 255)
    assert analyzer.detector.detect(image, plan, retry=False) == []
    faces = analyzer.detector.detect(image, plan)
    assert len(faces) == 1 and faces[0].score > 0.9
    # The cell (64, 32) of the margined picture: its box, less the margin, at twice the size.
    np.testing.assert_allclose(faces[0].box, [-64, -52, 128, 140], atol=1e-3)


def test_a_face_too_large_for_the_first_scale_is_found_at_the_second(analyzer: FaceAnalyzer):
    # At twice its size the marker shows only its middle in a window of the first scale.
    small = picture((224, 320), [(2, 3)])
    large = np.ascontiguousarray(small.repeat(2, 0).repeat(2, 1))
    plan = SearchPlan.of((448, 640))
    assert plan.scale == 1.0 and plan.coarse_scale == 0.5
    boxes = [face.box for face in analyzer.detector.detect(large, plan, retry=False)]
    assert any(np.allclose(box, box_of(2, 3) * 2, atol=1e-3) for box in boxes)
    only_fine = replace(plan, coarse_scale=None)
    boxes = [face.box for face in analyzer.detector.detect(large, only_fine, retry=False)]
    assert not any(np.allclose(box, box_of(2, 3) * 2, atol=1e-3) for box in boxes)


def test_nothing_is_found_in_grey(analyzer: FaceAnalyzer):
    assert analyzer.detector.detect(picture((200, 300), [])) == []
