"""A swap that draws after landmarks: which ones it is given, and when it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import InputError, PackError
from facesdk.faces.align import apply_matrix
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.open_networks import open_networks
from facesdk.pipelines.shape_path import CANON_BOX, ShapePath
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.runtime.openvino_session import cpu_has_bf16
from facesdk.stopwatch import Stopwatch
from facesdk.types import Face
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import face_landmarks, picture, write_fake_pack

GREY = 40


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("shaped") / "pack", shaped=True)


@pytest.fixture(scope="module")
def opened(shaped: Pack) -> tuple[FaceAnalyzer, StyleSwapPipeline]:
    analyzer, pipeline = open_networks(shaped, "style", BACKEND, 1)
    assert isinstance(pipeline, StyleSwapPipeline)
    return analyzer, pipeline


def _identity(count: int = 1) -> Identity:
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Identity(embedding, np.full((count, 256, 256, 3), GREY, np.uint8), Consent.synthetic(), "fake")


def _source_points() -> np.ndarray:
    """Where the fake landmark net sees the source: its points fill a square as wide as the box, in the wide crop."""
    centre, side = CANON_BOX.reshape(2, 2).mean(0), float((CANON_BOX[2:] - CANON_BOX[:2]).max())
    return centre + (face_landmarks() - 0.5) * side


def _face(opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> tuple[np.ndarray, Face]:
    image = picture((256, 256), [(3, 3)])
    return image, opened[0].analyze(image, recognise=False, parse=False)[0]


def test_the_decoder_draws_after_the_points_of_both(opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> None:
    image, face = _face(opened)
    watch = Stopwatch()
    swap = opened[1].swap(image, [(face, _identity())], watch)[0]
    # The fake's map: x of the target's first point in the crop, which is its box, and the source's mean x.
    x = face_landmarks()[0, 0] + _source_points()[:, 0].mean()
    np.testing.assert_allclose(swap.crop[64, 64], GREY + 127.5 * x, atol=0.5)
    # And its points are the target's, moved by the source's mean, a share of the crop.
    assert swap.wanted is not None and face.landmarks is not None
    moved = apply_matrix(swap.matrix, swap.wanted) - apply_matrix(swap.matrix, face.landmarks)
    np.testing.assert_allclose(moved / len(swap.crop), np.tile(_source_points().mean(0), (68, 1)), atol=1e-4)
    assert "shape" in [timing.stage for timing in watch.timings]


def test_the_shape_of_several_pictures_is_their_mean(opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> None:
    one, two = (opened[1]._source(_identity(count)).shape for count in (1, 2))
    assert one is not None and two is not None and one.shape == (2,)
    np.testing.assert_allclose(two, one, atol=1e-6)
    np.testing.assert_allclose(one, _source_points().mean(0), atol=1e-4)


def test_faces_of_several_frames_are_what_they_are_alone(opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> None:
    image = picture((256, 384), [(2, 3), (4, 8)])
    faces = opened[0].analyze(image, recognise=False, parse=False)
    pairs = [(face, _identity()) for face in faces]
    together = opened[1].swap_frames([(image, pairs), (image, pairs[1:])], Stopwatch())
    alone = [opened[1].swap_frames([(image, [pair])], Stopwatch())[0][0] for pair in pairs]
    for found, wanted in zip([*together[0], *together[1]], [*alone, alone[1]], strict=True):
        np.testing.assert_array_equal(found.crop, wanted.crop)


def test_it_needs_a_landmark_net_and_landmarks(shaped: Pack, opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> None:
    with pytest.raises(PackError, match="no landmark network was given"):
        StyleSwapPipeline(shaped, None, BACKEND, 1)
    image, face = _face(opened)
    with pytest.raises(InputError, match="68 landmarks"):
        opened[1].swap(image, [(replace(face, landmarks=None), _identity())], Stopwatch())


def test_places_are_never_in_bfloat16(shaped: Pack, opened: tuple[FaceAnalyzer, StyleSwapPipeline]) -> None:
    pytest.importorskip("openvino")
    if not cpu_has_bf16():
        pytest.skip("this CPU has no bfloat16")
    path = ShapePath(shaped, "style_swap", opened[0].landmarker, "openvino-bf16", 1)
    assert path.code.backend == path.shape.backend == "openvino-f32"


def test_a_face_has_the_same_maps_whoever_else_is_asked_for() -> None:
    pytest.importorskip("openvino")
    pack = open_pack("nano")
    with FaceAnalyzer(pack, "openvino-f32") as analyzer:
        path = ShapePath(pack, "style_swap", analyzer.landmarker, "openvino-f32", 2)
    known = pack.probe()[0]
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(8, *known["style_swap.shape.shape"].shape[1:])).astype(np.float32)
    points = [known["style_swap.shape.points"][0] + rng.normal(0, 0.01, (68, 2)).astype(np.float32) for _ in codes]
    together = path.maps(codes, points, alike=True)
    for index, marks in enumerate(points):
        alone = path.maps(codes[index : index + 1], [marks], alike=True)
        for name, value in alone.items():
            assert np.array_equal(together[name][index], value[0]), name
