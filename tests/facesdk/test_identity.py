"""Identities: enrolment, averaging, files, and what is refused."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from facesdk.consent import Consent
from facesdk.enrolment import CROP_SCALE, CROP_SIZE, check_one_person
from facesdk.errors import ConsentError, InputError, MediaError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.generated_face import GeneratedFace
from facesdk.identity import Identity
from tests.facesdk.fake_pack import picture


def _unit(*values: float) -> np.ndarray:
    vector = np.zeros(512, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def _identity(**changes: object) -> Identity:
    fields: dict[str, object] = {
        "embedding": _unit(1, 2, 3),
        "crops": np.arange(256 * 256 * 3, dtype=np.uint32).astype(np.uint8).reshape(1, 256, 256, 3),
        "consent": Consent.self_(),
        "pack": "fake",
    }
    return Identity(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_largest_face_is_enrolled(analyzer: FaceAnalyzer):
    image = picture((256, 384), [(2, 3)])
    identity = Identity.from_images(image, Consent.self_(), analyzer=analyzer)
    face = analyzer.analyze(image)[0]
    np.testing.assert_allclose(identity.embedding, face.embedding, atol=1e-6)
    assert identity.crops.shape == (1, 256, 256, 3) and identity.pack == "fake"
    # The crop is the box about its centre, zoomed out: the marker's top edge lies at the picture's row 64, the box's
    # centre at row 80, and a pixel of the picture is 256 * 0.8 / 96 of the crop.
    scale = CROP_SIZE * CROP_SCALE / 96
    column = identity.crops[0, :, 128].astype(int)
    first_red = int(np.flatnonzero(column[:, 0] - column[:, 2] > 128)[0])
    assert first_red == pytest.approx(128 + (64 - 80) * scale, abs=1.5)


def test_several_pictures_are_averaged_as_unit_vectors(analyzer: FaceAnalyzer):
    images = [picture((256, 256), [(3, 3)], grey) for grey in (60, 80, 100)]
    single = [Identity.from_images(image, Consent.self_(), analyzer=analyzer).embedding for image in images]
    both = Identity.from_images(images, Consent.self_(), analyzer=analyzer)
    mean = np.mean(single, axis=0)
    np.testing.assert_allclose(both.embedding, mean / np.linalg.norm(mean), atol=1e-6)
    assert len(both.crops) == 3
    # Of all unit vectors the mean's direction has the greatest summed cosine.
    for other in single:
        assert sum(v @ both.embedding for v in single) >= sum(v @ other for v in single) - 1e-6


def test_without_consent_there_is_no_identity(analyzer: FaceAnalyzer):
    with pytest.raises(ConsentError, match=r"Consent.self_\(\) for your own face"):
        Identity.from_images([picture((128, 128), [(1, 1)])], analyzer=analyzer)
    with pytest.raises(ConsentError, match="needs a consent statement"):
        _identity(consent="self")


def test_synthetic_needs_no_consent(analyzer: FaceAnalyzer):
    identity = Identity.synthetic(picture((128, 128), [(1, 1)]), analyzer=analyzer)
    assert identity.consent.basis == "synthetic"


def test_synthetic_takes_a_generated_face_of_nobody_only(analyzer: FaceAnalyzer):
    shown, latent = picture((128, 128), [(1, 1)]), np.zeros(4, np.float32)
    nobody = GeneratedFace(shown, latent)
    plain = Identity.synthetic(shown, analyzer=analyzer)
    assert Identity.synthetic(nobody, analyzer=analyzer).id == plain.id
    assert Identity.synthetic([nobody, shown], analyzer=analyzer).crops.shape[0] == 2
    with pytest.raises(ConsentError, match="real person"):
        Identity.synthetic(GeneratedFace(shown, latent, consents=(Consent.self_(),)), analyzer=analyzer)


def test_no_face_a_small_one_and_a_cut_one_are_refused(analyzer: FaceAnalyzer, tmp_path: Path):
    consent = Consent.self_()
    with pytest.raises(InputError, match=r"no face found in picture 2 \(100x100"):
        Identity.from_images([picture((128, 128), [(1, 1)]), picture((100, 100), [])], consent, analyzer=analyzer)
    tiny = np.ascontiguousarray(picture((256, 256), [(3, 3)])[::2, ::2])
    with pytest.raises(InputError, match="the face in picture 1 is too small"):
        Identity.from_images(tiny, consent, analyzer=analyzer)
    cut = picture((128, 160), [(1, 0)])[:, :24]
    with pytest.raises(InputError, match="no face|cut by the border"):
        Identity.from_images(np.ascontiguousarray(cut), consent, analyzer=analyzer)
    with pytest.raises(InputError, match="no picture"):
        Identity.from_images([], consent, analyzer=analyzer)
    with pytest.raises(MediaError):
        Identity.from_images(tmp_path / "missing.jpg", consent, analyzer=analyzer)


def test_different_people_are_told_apart():
    same = np.stack([_unit(1, 0.1), _unit(1, -0.1), _unit(1, 0.2)])
    check_one_person(same, ["a", "b", "c"])
    check_one_person(same[:1], ["a"])
    with pytest.raises(InputError, match="different people: stranger.jpg") as caught:
        check_one_person(np.stack([*same, _unit(0, 0, 1)]), ["a", "b", "c", "stranger.jpg"])
    assert "a " not in str(caught.value).split(":")[1]
    with pytest.raises(InputError, match="x 0.00, y 0.00"):
        check_one_person(np.stack([_unit(1), _unit(0, 1)]), ["x", "y"])


def test_the_id_is_a_hash_of_the_content():
    assert _identity().id == _identity(consent=Consent.synthetic()).id
    assert _identity().id != _identity(embedding=_unit(1, 2, 4)).id
    assert len(_identity().id) == 32


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("embedding", np.zeros(512, np.float32)),
        ("embedding", np.full(512, np.nan, np.float32)),
        ("embedding", _unit(1).astype(np.float64)),
        ("crops", np.zeros((0, 256, 256, 3), np.uint8)),
        ("crops", np.zeros((1, 128, 128, 3), np.uint8)),
        ("crops", np.zeros((1, 256, 256, 3), np.float32)),
    ],
)
def test_wrong_arrays_are_refused(field: str, value: np.ndarray):
    with pytest.raises(InputError, match=f"identity's {field}"):
        _identity(**{field: value})


def test_files_round_trip(tmp_path: Path):
    identity = _identity(consent=Consent.given("Ann Lee", scope="still"), recogniser="ab" * 32)
    identity.save(tmp_path / "ann.identity")
    loaded = Identity.load(tmp_path / "ann.identity")
    assert loaded.recogniser == "ab" * 32
    np.testing.assert_array_equal(loaded.embedding, identity.embedding)
    np.testing.assert_array_equal(loaded.crops, identity.crops)
    assert (loaded.id, loaded.consent, loaded.pack) == (identity.id, identity.consent, "fake")
    assert [file.name for file in tmp_path.iterdir()] == ["ann.identity"]


def test_a_pack_of_the_same_name_with_another_recogniser_is_refused(analyzer: FaceAnalyzer):
    learned = Identity.from_images(picture((256, 384), [(2, 3)]), Consent.self_(), analyzer=analyzer)
    graphs = analyzer.pack.manifest.family("faces").graphs
    assert learned.recogniser == graphs["recogniser"].sha256 != graphs["landmarks"].sha256
    learned.require_recogniser_of(analyzer.pack)
    replace(learned, recogniser="").require_recogniser_of(analyzer.pack)  # files of before say nothing
    with pytest.raises(InputError, match="with another recogniser than that of fake"):
        replace(learned, recogniser=graphs["landmarks"].sha256).require_recogniser_of(analyzer.pack)
    with pytest.raises(InputError, match="enrolled with pack other"):
        replace(learned, pack="other", space="").require_recogniser_of(analyzer.pack)
    assert replace(learned, recogniser="").id == learned.id


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_is_its_users_own(tmp_path: Path):
    before = os.umask(0)
    try:
        _identity().save(tmp_path / "me.identity")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "me.identity").stat().st_mode) == 0o600


def test_damaged_files_are_refused(tmp_path: Path):
    file = tmp_path / "me.identity"
    _identity().save(file)
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[-5] ^= 1
    for data, text in (
        (bytes(changed), "own hash"),
        (whole[:-100], "no identity"),
        (b"\x89PNG....", "no identity"),
        (b"", "no identity"),
    ):
        file.write_bytes(data)
        with pytest.raises(MediaError, match=text):
            Identity.load(file)
    with pytest.raises(MediaError, match="cannot be read"):
        Identity.load(tmp_path / "missing.identity")
    with pytest.raises(MediaError, match="cannot be written"):
        _identity().save(tmp_path / "no" / "me.identity")


def test_other_tensors_and_lost_consent_are_refused(tmp_path: Path):
    file = tmp_path / "me.identity"
    save_file({"weights": np.zeros(3, np.float32)}, file)
    with pytest.raises(MediaError, match="no identity that this version reads"):
        Identity.load(file)
    identity = _identity()
    tensors = {"embedding": identity.embedding, "crops": identity.crops}
    save_file(tensors, file, {"format": "facesdk.identity/1", "id": identity.id, "pack": "fake"})
    with pytest.raises(ConsentError, match="carries no consent"):
        Identity.load(file)
