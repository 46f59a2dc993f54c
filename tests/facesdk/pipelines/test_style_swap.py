"""The style swap over the fake pack: what is painted, where, and when it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import BackendError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.pack.reader import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline, StyleSwapSettings
from facesdk.stopwatch import Stopwatch
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import CELL, STYLES, WIDTH, picture, write_fake_pack

PLAIN = StyleSwapSettings(color_strength=0.0)


def _identity(*colors: tuple[int, int, int]) -> Identity:
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    crops = np.stack([np.full((256, 256, 3), color, np.uint8) for color in colors])
    return Identity(embedding, crops, Consent.synthetic(), "fake")


@pytest.fixture(scope="module")
def pipeline(fake_pack: Pack, analyzer: FaceAnalyzer) -> StyleSwapPipeline:
    return StyleSwapPipeline(fake_pack, analyzer.parser, BACKEND, 1, PLAIN)


def test_the_source_code_is_the_mean_over_the_crops(pipeline: StyleSwapPipeline):
    codes = pipeline.source_codes(_identity((255, 0, 0), (0, 0, 255)))
    assert codes.shape == (STYLES, WIDTH)
    np.testing.assert_allclose(codes.reshape(-1)[:3], [0, -1, 0], atol=1e-6)


def test_the_wide_crop_is_cut_to_the_encoders(pipeline: StyleSwapPipeline):
    # Scale 0.8 of 256: the encoder's crop is the middle 204.8 px, so a frame of 25 px is not in it.
    identity = _identity((0, 0, 0))
    framed = identity.crops.copy()
    framed[:, :25], framed[:, -25:], framed[:, :, :25], framed[:, :, -25:] = 255, 255, 255, 255
    codes = pipeline.source_codes(Identity(identity.embedding, framed, identity.consent, "fake"))
    np.testing.assert_allclose(codes.reshape(-1)[:3], -1, atol=1e-6)


def test_a_source_is_seen_in_a_mirror_too(pipeline: StyleSwapPipeline, monkeypatch: pytest.MonkeyPatch):
    # The fake encoder tells mean colours, the same on both sides: one that tells the left half's.
    monkeypatch.setattr(
        pipeline._encoder, "run", lambda feeds: {"codes": feeds["image"][..., :64].mean((2, 3))[:, None]}
    )
    identity = _identity((0, 0, 255), (0, 0, 255))
    crops = identity.crops.copy()
    crops[0, :, :128] = (255, 0, 255)
    codes = pipeline.source_codes(Identity(identity.embedding, crops, identity.consent, "fake"))
    # Of four looks one has its left half red, too.
    np.testing.assert_allclose(codes[0], [-0.5, -1, 1], atol=0.01)


def test_the_source_code_is_computed_once(fake_pack: Pack, analyzer: FaceAnalyzer, monkeypatch: pytest.MonkeyPatch):
    pipeline = StyleSwapPipeline(fake_pack, None, BACKEND, 1, StyleSwapSettings(cached_sources=1))
    runs = []
    run = pipeline._encoder.run
    monkeypatch.setattr(pipeline._encoder, "run", lambda feeds: runs.append(1) or run(feeds))
    red, blue = _identity((255, 0, 0)), _identity((0, 0, 255))
    first = pipeline.source_codes(red)
    assert pipeline.source_codes(_identity((255, 0, 0))) is first and len(runs) == 1
    pipeline.source_codes(blue)
    pipeline.source_codes(red)
    assert len(runs) == 3


def test_every_face_gets_its_own_identitys_colour(pipeline: StyleSwapPipeline, analyzer: FaceAnalyzer):
    image = picture((256, 384), [(2, 3), (4, 8)])
    faces = analyzer.analyze(image, recognise=False, parse=False)
    red, blue = _identity((200, 40, 40)), _identity((40, 40, 200))
    swaps = pipeline.swap(image, [(faces[0], red), (faces[1], blue)], Stopwatch())
    np.testing.assert_allclose(swaps[0].crop[64, 64], [200, 40, 40], atol=0.1)
    np.testing.assert_allclose(swaps[1].crop[64, 64], [40, 40, 200], atol=0.1)
    assert swaps[0].mask[64, 64] == pytest.approx(1) and swaps[0].mask[0].max() == 0


def test_more_faces_than_a_batch_give_the_same(fake_pack: Pack, analyzer: FaceAnalyzer, pipeline: StyleSwapPipeline):
    image = picture((256, 384), [(2, 3), (4, 8), (3, 6)])
    faces = analyzer.analyze(image, recognise=False, parse=False)
    pairs = [(face, _identity((200, 40, 40))) for face in faces]
    single = StyleSwapPipeline(fake_pack, analyzer.parser, BACKEND, 1, StyleSwapSettings(color_strength=0.0, batch=1))
    for one, many in zip(single.swap(image, pairs, Stopwatch()), pipeline.swap(image, pairs, Stopwatch())):
        np.testing.assert_array_equal(one.mask, many.mask)
        np.testing.assert_allclose(one.crop, many.crop, atol=1e-3)


def test_an_occluder_keeps_the_targets_pixels(pipeline: StyleSwapPipeline, analyzer: FaceAnalyzer):
    image = picture((256, 256), [(3, 3)])
    image[3 * CELL + 16 : 3 * CELL + 32, 2 * CELL : 5 * CELL] = (0, 255, 0)
    face = analyzer.analyze(image, recognise=False, parse=False)[0]
    mask = pipeline.swap(image, [(face, _identity((200, 40, 40)))], Stopwatch())[0].mask
    # Rows 112..128 of the picture; the crop is the box, which begins at row 64.
    bar = int((120 - 64) / 96 * 128)
    assert mask[bar, 50:78].max() < 0.02 and mask[bar + 30, 64] > 0.9


def test_a_pack_without_a_mask_head_uses_the_outline(tmp_path: Path, analyzer: FaceAnalyzer):
    pack = write_fake_pack(tmp_path / "plain", mask=False)
    image = picture((256, 256), [(3, 3)])
    face = analyzer.analyze(image, recognise=False, parse=False)[0]
    mask = StyleSwapPipeline(pack, None, BACKEND, 1).swap(image, [(face, _identity((9, 9, 9)))], Stopwatch())[0].mask
    assert mask[64, 64] == pytest.approx(1) and mask[5, 5] == 0


def test_nan_is_refused(tmp_path: Path, analyzer: FaceAnalyzer):
    pack = write_fake_pack(tmp_path / "broken", paint=float("nan"))
    image = picture((256, 256), [(3, 3)])
    face = analyzer.analyze(image, recognise=False, parse=False)[0]
    said = r"style_swap.decoder: image is not finite on onnxruntime-cpu, so nothing was made of it"
    with pytest.raises(BackendError, match=said):
        StyleSwapPipeline(pack, None, BACKEND, 1).swap(image, [(face, _identity((9, 9, 9)))], Stopwatch())


def test_colours_move_towards_the_targets_surroundings(fake_pack: Pack, analyzer: FaceAnalyzer):
    image = picture((256, 256), [(3, 3)])
    face = analyzer.analyze(image, recognise=False, parse=False)[0]
    pairs = [(face, _identity((160, 160, 160)))]
    plain = StyleSwapPipeline(fake_pack, None, BACKEND, 1, PLAIN).swap(image, pairs, Stopwatch())[0]
    matching = StyleSwapSettings(color_strength=0.5)
    matched = StyleSwapPipeline(fake_pack, None, BACKEND, 1, matching).swap(image, pairs, Stopwatch())[0]
    # The ring is mostly the background, grey 90, and partly the blue of the marker.
    assert plain.crop[64, 64, 1] == pytest.approx(160, abs=0.1)
    assert 90 < matched.crop[64, 64, 1] < 150
