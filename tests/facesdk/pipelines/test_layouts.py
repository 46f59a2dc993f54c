"""Faces of any size, anywhere, any way round: no error, nothing changed beside the mask, everyone in order."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.parse import Parser
from facesdk.identity import Identity
from facesdk.ops.blend import paste_into
from facesdk.pack.reader import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.stopwatch import Stopwatch
from facesdk.swapper import FaceSwapper
from facesdk.types import Face
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import face_landmarks, picture

LAYOUTS = 1000
SIZE_HW = (120, 160)


@pytest.fixture(scope="module")
def me() -> Identity:
    crop = np.full((1, 256, 256, 3), (200, 40, 40), np.uint8)
    return Identity(np.eye(1, 512, dtype=np.float32)[0], crop, Consent.synthetic(), "fake")


@pytest.fixture(scope="module")
def pipeline(fake_pack: Pack, analyzer: FaceAnalyzer) -> StyleSwapPipeline:
    return StyleSwapPipeline(fake_pack, analyzer.parser, BACKEND, 1)


def face_at(x: float, y: float, side: float, degrees: float) -> Face:
    """A face whose box has this centre and side, turned by so much."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = ((face_landmarks() - 0.5) @ turn * side + [x, y]).astype(np.float32)
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, 0.9, points[[36, 45, 30, 48, 54]], landmarks=points)


def test_random_layouts(pipeline: StyleSwapPipeline, me: Identity):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 128, (*SIZE_HW, 3), np.uint8)
    # Redder than green: the fake parser sees nothing in front of a face.
    image[..., 0] += 128
    painted = 0
    for start in range(0, LAYOUTS, 40):
        sides = np.exp(rng.uniform(np.log(8), np.log(600), 40))
        places = zip(rng.uniform(-80, 240, 40), rng.uniform(-60, 180, 40), sides, rng.uniform(-180, 180, 40))
        faces = [face_at(*place) for place in places]
        swaps = pipeline.swap(image, [(face, me) for face in faces], Stopwatch())
        assert len(swaps) == len(faces)
        for face, swap in zip(faces, swaps):
            out = image.copy()
            mask, roi = paste_into(out, swap.crop, swap.mask, swap.matrix)
            shown = np.zeros(SIZE_HW, np.float32)
            shown[roi.slices] = mask
            assert (out[shown == 0] == image[shown == 0]).all(), (start, face.box)
            inside = bool((face.box[:2] > 8).all() and face.box[2] < SIZE_HW[1] - 8 and face.box[3] < SIZE_HW[0] - 8)
            # The middle of a whole face is the identity's colour, and nothing is painted twice as large as the face.
            if inside:
                row, column = int(face.box[1::2].mean()), int(face.box[::2].mean())
                assert np.abs(out[row, column].astype(int) - (200, 40, 40)).max() <= 3, face.box
                assert (out != image).any(-1).sum() < 2.0 * (face.box[2] - face.box[0]) ** 2
                painted += 1
    assert painted > 50


@pytest.mark.parametrize("x", [0.0, 80.0, 160.0])
@pytest.mark.parametrize("y", [0.0, 60.0, 120.0])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_every_border_and_corner_either_way_round(
    pipeline: StyleSwapPipeline, me: Identity, x: float, y: float, degrees: float
):
    image = np.full((*SIZE_HW, 3), 90, np.uint8)
    (swap,) = pipeline.swap(image, [(face_at(x, y, 60, degrees), me)], Stopwatch())
    paste_into(image, swap.crop, swap.mask, swap.matrix)
    share = np.mean((image == (200, 40, 40)).all(-1)) * image[..., 0].size / 60**2
    whole = (0.5 if x in (0, 160) else 1.0) * (0.5 if y in (0, 120) else 1.0)
    assert 0.3 * whole < share < 1.0 * whole


@pytest.mark.parametrize("count", [0, 1, 2, 20, 200])
def test_any_number_in_order(pipeline: StyleSwapPipeline, me: Identity, count: int):
    rng = np.random.default_rng(count)
    image = rng.integers(0, 256, (*SIZE_HW, 3), np.uint8)
    faces = [face_at(x, y, 20, 0) for x, y in rng.uniform(0, 120, (count, 2))]
    swaps = pipeline.swap(image, [(face, me) for face in faces], Stopwatch())
    assert len(swaps) == count
    for face, swap in zip(faces, swaps):
        linear = swap.matrix[:, :2].astype(np.float64)
        centre = np.linalg.solve(linear, np.array([64.0, 64.0]) - swap.matrix[:, 2])
        assert np.abs(centre - face.landmarks.mean(0)).max() < 10


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 3), (33, 500), (200, 200)])
def test_pictures_without_a_face(swapper: FaceSwapper, me: Identity, size_hw: tuple[int, int]):
    with pytest.raises(InputError, match="no face"):
        swapper.swap(np.full((*size_hw, 3), 90, np.uint8), me, "all")


@pytest.mark.parametrize("turns", range(4))
def test_faces_are_listed_from_left_to_right(analyzer: FaceAnalyzer, turns: int):
    image = np.rot90(picture((384, 512), [(2, 3), (4, 8), (7, 4), (3, 13)]), turns).copy()
    faces = analyzer.analyze(image, parse=False)
    assert [face.centre_xy for face in faces] == sorted(face.centre_xy for face in faces)
    assert len(faces) == 4


def test_many_faces_are_read_as_one_by_one(analyzer: FaceAnalyzer):
    image = np.random.default_rng(3).integers(0, 256, (384, 512, 3), np.uint8)
    markers = picture((384, 512), [(2, 3), (4, 8), (7, 4), (3, 13), (8, 9)])
    image[markers != 90] = markers[markers != 90]
    faces = analyzer.detector.detect(image, analyzer.plan(image))
    assert len(faces) >= 3
    readers = (
        lambda some: analyzer.landmarker.locate(image, some),
        lambda some: analyzer.recogniser.recognise(image, some),
        lambda some: analyzer.parser.parse(image, some),
    )
    for read, name in zip(readers, ("landmarks", "embedding", "parts")):
        together, apart = read(faces), [read([face])[0] for face in faces]
        for one, other in zip(together, apart):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-6)


def test_the_parser_reads_the_swaps_own_crop(pipeline: StyleSwapPipeline, analyzer: FaceAnalyzer, me: Identity):
    """One crop for encoder and parser: what stands in front is found although the parser was given no picture."""
    calls: list[int] = []

    class Counting(Parser):
        def parse_planes(self, planes: np.ndarray, alike: bool = False) -> np.ndarray:
            calls.append(len(planes))
            return super().parse_planes(planes, alike)

    counting = Counting(analyzer.parser._session)
    image = picture((256, 384), [(2, 3), (4, 8)])
    faces = analyzer.analyze(image, recognise=False, parse=False)
    swap = StyleSwapPipeline(analyzer.pack, counting, BACKEND, 1).swap
    swap(image, [(face, me) for face in faces], Stopwatch())
    assert calls == [2]
