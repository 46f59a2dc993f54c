"""The generator from end to end over a pack whose flow can be solved by hand."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import facesdk
from facesdk.consent import Consent
from facesdk.edited_picture import EditedPicture
from facesdk.errors import ConsentError, InputError, PackError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.parse import Parser, Part
from facesdk.generated_face import GeneratedFace
from facesdk.generator import MAX_COUNT, FaceGenerator
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.provenance.label import SOURCE_TYPES, read_label
from facesdk.sampling.noise import normal_noise, share_after_noise
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture
from tests.facesdk.tiny_generator import (
    GUIDANCE,
    LATENT,
    PRIOR,
    PRIOR_GUIDANCE,
    PULL,
    SIDE,
    WORDS,
    exact,
    family_with_prior,
    write_generator_pack,
)

ME = picture((256, 256), [(3, 3)], 220)
SELF = Consent.self_()


def noise_of(seed: int, count: int) -> np.ndarray:
    return np.stack([normal_noise(seed, index, LATENT) for index in range(count)])


def test_sample_follows_the_noise_the_attributes_and_the_guidance(generator: FaceGenerator):
    faces = generator.sample(3, seed=7, attributes={"smile": "1", "hair": "red"})
    target = GUIDANCE * WORDS.vector({"smile": 1, "hair": "red"}) @ PULL
    np.testing.assert_allclose([face.latent for face in faces], exact(noise_of(7, 3), target), atol=1e-5)
    for index, face in enumerate(faces):
        assert face.image.shape == (SIDE, SIDE, 3) and face.image.dtype == np.uint8
        assert (face.seed, face.index, face.attributes) == (7, index, {"smile": 1.0, "hair": "red"})
        assert face.is_nobody and face.kind == "generate"
    assert repr(faces[2]) == "GeneratedFace(64x64, seed 7, number 2, smile=1.0, hair=red)"
    weak = generator.sample(3, seed=7, attributes={"smile": 1, "hair": "red"}, guidance=0)
    np.testing.assert_allclose([face.latent for face in weak], exact(noise_of(7, 3), 0 * target), atol=1e-5)


@pytest.mark.parametrize(("solver", "steps"), [("euler", None), ("euler", 3), ("heun", 4), ("dopri5", None)])
def test_a_face_does_not_depend_on_the_count(generator: FaceGenerator, solver: str, steps: int | None):
    many = generator.sample(7, 11, {"yaw": 20}, solver=solver, steps=steps)
    for count, first in ((1, 0), (2, 0), (3, 0), (1, 4), (3, 1)):
        some = generator.sample(count, 11, {"yaw": 20}, solver=solver, steps=steps, first=first)
        assert [face.index for face in some] == list(range(first, first + count))
        for face in some:
            np.testing.assert_array_equal(face.latent, many[face.index].latent)
            np.testing.assert_array_equal(face.image, many[face.index].image)
    other = generator.sample(1, 12, {"yaw": 20}, solver=solver, steps=steps)
    assert np.abs(other[0].latent - many[0].latent).max() > 0.01


def test_solvers_agree(generator: FaceGenerator):
    euler = generator.sample(1, 3, {"glasses": True})[0].latent
    for solver in ("midpoint", "heun", "rk4", "dopri5"):
        np.testing.assert_allclose(generator.sample(1, 3, {"glasses": True}, solver=solver)[0].latent, euler, atol=5e-3)


def test_progress_counts_every_face(generator: FaceGenerator):
    seen: list[tuple[int, int]] = []
    generator.sample(6, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(number, 6) for number in range(1, 7)]
    seen.clear()
    a, b = generator.sample(2)
    generator.interpolate(a, b, 3, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_encode_undoes_decode_and_invert_undoes_flow(generator: FaceGenerator):
    latents = np.random.default_rng(1).uniform(-0.9, 0.9, (3, LATENT)).astype(np.float32)
    pictures = generator.decode(latents)
    assert pictures.shape == (3, SIDE, SIDE, 3)
    np.testing.assert_array_equal(generator.decode(latents[1]), pictures[1])
    np.testing.assert_allclose(pictures[0, 0, 0] / 127.5 - 1, latents[0, [0, 4, 8]], atol=1 / 127)
    noise = generator.invert(latents, {"smile": 0.5})
    np.testing.assert_allclose(generator.flow(noise, {"smile": 0.5}), latents, atol=5e-3)
    np.testing.assert_allclose(exact(noise, WORDS.vector({"smile": 0.5}) @ PULL), latents, atol=5e-3)
    assert generator.invert(latents[0], solver="rk4", steps=8).shape == (LATENT,)


def test_encode_reads_the_largest_face(generator: FaceGenerator):
    # The crop of a marker: eyes at a third of it, so the cells' means are those of the marker's colours.
    latent = generator.encode(ME)
    assert latent.shape == (LATENT,) and np.abs(latent).max() < 1
    np.testing.assert_array_equal(generator.encode(ME[..., ::-1].copy(), color="bgr"), latent)
    with pytest.raises(InputError, match="no face found in the picture"):
        generator.encode(picture((128, 128), []))


@pytest.mark.parametrize("space", ["latent", "noise"])
def test_interpolate(generator: FaceGenerator, space: str):
    a, b = generator.sample(2, seed=4)
    path = generator.interpolate(a, b, 5, space)  # type: ignore[arg-type]
    assert len(path) == 5 and all(face.is_nobody for face in path)
    for end, face in ((a, path[0]), (b, path[-1])):
        np.testing.assert_allclose(face.latent, end.latent, atol=5e-3)
    jumps = np.linalg.norm(np.diff([face.latent for face in path], axis=0), axis=1)
    assert jumps.min() > 0 and jumps.max() < 1.5 * jumps.mean()
    still = generator.interpolate(a, a, 3, space)  # type: ignore[arg-type]
    np.testing.assert_allclose(still[1].latent, a.latent, atol=5e-3)
    back = GeneratedFace(a.image, -a.latent)
    assert np.isfinite([face.latent for face in generator.interpolate(a, back, 4, space)]).all()  # type: ignore[arg-type]


def test_edit_moves_what_was_asked_and_nothing_else(generator: FaceGenerator):
    face = generator.sample(1, 5, {"smile": 0.0})[0]
    same = generator.edit(face, {})
    np.testing.assert_allclose(same.latent, face.latent, atol=5e-3)
    edited = generator.edit(face, {"hair": "red"})
    assert edited.attributes == {"smile": 0.0, "hair": "red"} and edited.is_nobody and edited.seed is None
    # The equation's answer: the same noise, pulled by guidance times what was added.
    added = (WORDS.vector({"smile": 0.0, "hair": "red"}) - WORDS.vector({"smile": 0.0})) @ PULL
    pulled = GUIDANCE * (1 - np.exp(-2.0)) * added
    np.testing.assert_allclose(edited.latent - face.latent, pulled, atol=5e-3)
    half = generator.edit(face, {"hair": "red"}, 0.5)
    np.testing.assert_allclose(half.latent - face.latent, pulled * (1 - np.exp(-1.0)) / (1 - np.exp(-2.0)), atol=5e-3)
    np.testing.assert_array_equal(generator.edit(face, {"hair": "red"}, 0.0).latent, face.latent)


def test_an_edited_picture_is_the_photograph_but_for_the_edit(generator: FaceGenerator, tmp_path: Path):
    same = generator.edit_picture(ME, {}, consent=SELF)
    np.testing.assert_array_equal(same.image, ME)
    assert not same.mask.any() and same.face.image.shape == (SIDE, SIDE, 3)
    edited = generator.edit_picture(ME, {"smile": 1, "hair": "red"}, consent=SELF)
    assert edited.image.shape == ME.shape and edited.mask.shape == ME.shape[:2] and edited.mask.max() > 0.9
    np.testing.assert_array_equal(edited.image[edited.mask == 0], ME[edited.mask == 0])
    assert (edited.image != ME).any() and (edited.mask == 0).mean() > 0.2
    # The face alone is what `edit` gives, and both say what was asked and on whose consent it rests.
    crop = generator.edit(ME, {"smile": 1, "hair": "red"}, consent=SELF)
    np.testing.assert_array_equal(crop.image, edited.face.image)
    assert edited.face.attributes == {"smile": 1.0, "hair": "red"} and edited.face.consents == (SELF,)
    assert read_label(edited.save(tmp_path / "e.png")) == SOURCE_TYPES["swap"]
    assert repr(edited) == "EditedPicture(256x256, GeneratedFace(64x64, a picture, smile=1.0, hair=red))"
    with pytest.raises(ConsentError, match="may show a real person"):
        generator.edit_picture(ME, {"smile": 1})
    with pytest.raises(InputError, match="strength=-1"):
        generator.edit_picture(ME, {"smile": 1}, -1, SELF)


def test_what_is_behind_a_face_is_not_encoded(generator: FaceGenerator, monkeypatch: pytest.MonkeyPatch):
    plain = generator.encode(ME)
    parts = np.zeros((1, 5, 128, 128), np.float32)
    parts[0, Part.FACE], parts[0, Part.BACKGROUND, :64] = 1.0, 1.0
    parts[0, Part.FACE, :64] = 0.0
    monkeypatch.setattr(Parser, "parse_planes", lambda self, planes: parts.repeat(len(planes), 0))
    monkeypatch.setattr("facesdk.pipelines.backdrop.LEVELS", (50.0, 60.0))
    latent = generator.encode(ME)
    # The upper half of the crop is background and becomes a grey of this test's own; the lower half is as it was.
    cells, before = latent.reshape(3, 2, 2), plain.reshape(3, 2, 2)
    np.testing.assert_allclose(cells[:, 1], before[:, 1], atol=1e-5)
    np.testing.assert_allclose(cells[:, 0].mean(), 60 / 127.5 - 1, atol=1e-4)
    assert before[:, 0].mean() > 0.5
    np.testing.assert_array_equal(generator.edit(ME, {}, 0.0, SELF).latent, latent)


def test_what_nobody_asked_for_is_drawn_and_not_said(tmp_path: Path):
    pack = write_generator_pack(tmp_path / "prior", entry=family_with_prior())
    with FaceGenerator(pack, BACKEND, 1) as generator:
        free = generator.sample(4, 7)
        many = generator.sample(4, 7, {"smile": 1})
        alone = generator.sample(1, 7, {"smile": 1}, first=2)[0]
        likeness = generator.edit(free[0], {})
    drawn = [PRIOR.beside({})[PRIOR.row(share_after_noise(7, i, LATENT))] for i in range(4)]
    want = exact(noise_of(7, 4), PRIOR_GUIDANCE * np.stack(drawn) @ PULL)
    np.testing.assert_allclose([face.latent for face in free], want, atol=1e-5)
    assert [face.attributes for face in free] == [{}] * 4
    assert [face.attributes for face in many] == [{"smile": 1.0}] * 4
    np.testing.assert_array_equal(alone.latent, many[2].latent)
    # An edit starts from what is known of a face, and draws nothing.
    np.testing.assert_allclose(likeness.latent, free[0].latent, atol=5e-3)


def test_a_photograph_needs_consent_and_its_label_says_so(generator: FaceGenerator, tmp_path: Path):
    made = generator.sample(1)[0]
    for call in (
        lambda: generator.edit(ME, {"smile": 1}),
        lambda: generator.interpolate(ME, made, 3),
        lambda: generator.interpolate(made, ME, 3),
    ):
        with pytest.raises(ConsentError, match="may show a real person.*needs a consent statement"):
            call()
    edited = generator.edit(ME, {"smile": 1}, consent=SELF)
    path = generator.interpolate(ME, made, 3, consent=SELF)
    again = generator.edit(edited, {"hair": "bald"})
    for face in (edited, *path, again):
        assert face.consents == (SELF,) and not face.is_nobody
    assert read_label(edited.save(tmp_path / "e.png")) == SOURCE_TYPES["swap"]
    assert read_label(path[1].save(tmp_path / "p.jpg")) == SOURCE_TYPES["swap"]
    assert read_label(made.save(tmp_path / "m.webp")) == SOURCE_TYPES["generate"]


def test_the_face_of_a_photograph_comes_back(generator: FaceGenerator):
    latent = generator.encode(ME)
    np.testing.assert_allclose(generator.edit(ME, {}, consent=SELF).latent, latent, atol=5e-3)


def test_a_likeness_asks_for_an_identity_and_its_consent(generator: FaceGenerator, people_pack: Pack):
    with FaceAnalyzer(people_pack, BACKEND, 1) as analyzer:
        me = Identity.from_images(ME, SELF, analyzer=analyzer)
        nobody = Identity.synthetic(ME, analyzer=analyzer)
        film = Identity.from_images(ME, Consent.self_(scope="film"), analyzer=analyzer)
    like = generator.sample(1, 0, identity=me)[0]
    pull = GUIDANCE * (1 - np.exp(-2.0)) * me.embedding[:LATENT]
    np.testing.assert_allclose(like.latent - generator.sample(1, 0)[0].latent, pull, atol=1e-5)
    assert like.consents == (SELF,) and like.kind == "swap"
    assert generator.sample(1, 0, identity=nobody)[0].is_nobody
    with pytest.raises(ConsentError, match="not 'still'"):
        generator.sample(1, identity=film)
    with pytest.raises(ConsentError, match="as an Identity, got ndarray"):
        generator.sample(1, identity=me.embedding)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="enrolled with pack other"):
        generator.sample(1, identity=Identity(me.embedding, me.crops, SELF, "other"))


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1])
def test_a_count_out_of_range(generator: FaceGenerator, count: int):
    with pytest.raises(InputError, match=f"{count} faces were asked for: 1 to 1000"):
        generator.sample(count)
    with pytest.raises(InputError, match="2 to 1000"):
        generator.interpolate(generator.sample(1)[0], generator.sample(1)[0], count)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"attributes": {"nose": 1}}, r"There are: smile 0..1, yaw -45..45, glasses 0\|1, hair black\|red\|bald"),
        ({"attributes": {"yaw": 60}}, "yaw -45..45"),
        ({"seed": -1}, "seed=-1"),
        ({"first": -1}, "index=-"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 4, "solver": "dopri5"}, "chooses its own steps"),
        ({"solver": "magic"}, "one of euler"),
        ({"guidance": 21.0}, "guidance=21.0: 0 to 20"),
        ({"guidance": float("nan")}, "guidance=nan"),
    ],
)
def test_bad_arguments(generator: FaceGenerator, arguments: dict[str, object], text: str):
    with pytest.raises(InputError, match=text):
        generator.sample(1, **arguments)  # type: ignore[arg-type]


def test_bad_latents_and_paths(generator: FaceGenerator):
    for latents in (np.zeros(3, np.float32), np.zeros((0, LATENT), np.float32), np.full(LATENT, np.nan, np.float32)):
        for call in (generator.decode, generator.invert, generator.flow):
            with pytest.raises(InputError, match="finite, expected"):
                call(latents)
    face = generator.sample(1)[0]
    with pytest.raises(InputError, match="'latent' or 'noise'"):
        generator.interpolate(face, face, 3, "pixels")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="strength=1.5"):
        generator.edit(face, {}, 1.5)
    with pytest.raises(InputError, match="Use midpoint"):
        generator.edit(face, {}, solver="euler")


def test_a_closed_generator_says_so(people_pack: Pack):
    with FaceGenerator(people_pack, BACKEND, 1) as opened:
        assert opened.backend == "onnxruntime-cpu"
    with pytest.raises(InputError, match="closed"):
        opened.sample(1)


def test_a_pack_without_faces_to_make(fake_pack: Pack):
    with pytest.raises(PackError, match="no family 'latent_flow'"):
        FaceGenerator(fake_pack, BACKEND)


def test_threads_get_what_one_gets(generator: FaceGenerator):
    alone = [generator.sample(2, seed)[1].image for seed in range(4)]
    got: dict[int, np.ndarray] = {}

    def work(seed: int) -> None:
        got[seed] = generator.sample(2, seed)[1].image

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, image in enumerate(alone):
        np.testing.assert_array_equal(got[seed], image)


def test_the_public_names_are_these():
    assert facesdk.FaceGenerator is FaceGenerator and facesdk.GeneratedFace is GeneratedFace
    assert facesdk.EditedPicture is EditedPicture
