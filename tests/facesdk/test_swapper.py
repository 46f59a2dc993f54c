"""The swapper from end to end over the fake pack."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.consent import Consent
from facesdk.errors import BackendError, ConsentError, InputError, MediaError, PackError, ProvenanceError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule
from facesdk.identity import Identity
from facesdk.pack.reader import Pack
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.label import read_label
from facesdk.swapper import FaceSwapper
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture, write_fake_pack

GROUP = picture((256, 480), [(2, 3), (4, 8), (3, 12)])


@pytest.fixture(scope="module")
def me(analyzer: FaceAnalyzer) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=analyzer)


@pytest.fixture(scope="module")
def bob(analyzer: FaceAnalyzer) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 20), Consent.self_(), analyzer=analyzer)


def test_outside_the_mask_nothing_changes_and_inside_it_does(swapper: FaceSwapper, me: Identity):
    before = GROUP.copy()
    result = swapper.swap(GROUP, me, faces=1)
    np.testing.assert_array_equal(GROUP, before)
    assert result.swapped == (1,) and len(result.faces) == 3 and result.skipped == ()
    outside = result.mask == 0
    np.testing.assert_array_equal(result.image[outside], GROUP[outside])
    inside = result.mask > 0.99
    assert inside.sum() > 1000 and (result.image[inside] != GROUP[inside]).any(1).mean() > 0.99
    # Only the face that was asked for.
    x0, y0, x1, y1 = result.faces[1].box.astype(int)
    ys, xs = np.nonzero(result.mask)
    assert x0 <= xs.min() and xs.max() < x1 and y0 - 1 <= ys.min() and ys.max() < y1


def test_all_faces(swapper: FaceSwapper, me: Identity):
    result = swapper.swap(GROUP, me, faces="all")
    assert result.swapped == (0, 1, 2)
    alone = np.maximum.reduce([swapper.swap(GROUP, me, faces=number).mask for number in range(3)])
    np.testing.assert_array_equal(result.mask, alone)


def test_several_sources_in_one_pass(swapper: FaceSwapper, me: Identity, bob: Identity):
    result = swapper.swap(GROUP, [(me, 0), (bob, "right")])
    assert result.swapped == (0, 2)
    for number, identity in ((0, me), (2, bob)):
        single = swapper.swap(GROUP, identity, faces=number)
        region = single.mask > 0
        np.testing.assert_allclose(result.image[region].astype(int), single.image[region], atol=1)


def test_like_finds_the_face_by_a_picture_and_by_an_identity(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    # Green beside the second marker gives its crop another colour.
    image = GROUP.copy()
    image[100:192, 230:256] = image[100:192, 288:314] = (90, 255, 90)
    reference = tmp_path / "ref.png"
    Image.fromarray(image[96:256, 192:384]).save(reference)
    assert swapper.swap(image, me, faces=f"like {reference}").swapped == (1,)
    face = swapper.analyzer.analyze(image)[1]
    assert face.embedding is not None
    assert swapper.swap(image, me, faces=Rule.like(face.embedding)).swapped == (1,)
    Identity.from_images(str(reference), Consent.self_(), analyzer=swapper.analyzer).save(tmp_path / "ref.identity")
    assert swapper.swap(image, me, faces=f"like {tmp_path / 'ref.identity'}").swapped == (1,)


def test_like_refuses_an_identity_of_another_pack(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    Identity(me.embedding, me.crops, me.consent, "other").save(tmp_path / "x.identity")
    with pytest.raises(InputError, match="x.identity was enrolled with pack other"):
        swapper.swap(GROUP, me, faces=f"like {tmp_path / 'x.identity'}")


@pytest.mark.parametrize("source", ["me.jpg", Path("me.jpg"), b"bytes", np.zeros((8, 8, 3), np.uint8), None])
def test_a_bare_picture_is_no_source(swapper: FaceSwapper, source: object):
    with pytest.raises(ConsentError, match=r"Identity.from_images\(\[picture\], consent=...\)"):
        swapper.swap(GROUP, source)  # type: ignore[arg-type]


def test_consent_must_cover_stills(swapper: FaceSwapper, me: Identity):
    film_only = Identity(me.embedding, me.crops, Consent.self_(scope="film"), me.pack)
    with pytest.raises(ConsentError, match="covers film, and not 'still'"):
        swapper.swap(GROUP, film_only)


def test_pairs_are_checked(swapper: FaceSwapper, me: Identity):
    with pytest.raises(InputError, match="no identity"):
        swapper.swap(GROUP, [])
    with pytest.raises(InputError, match="pairs"):
        swapper.swap(GROUP, [me, me])  # type: ignore[list-item]
    with pytest.raises(InputError, match="chosen for two"):
        swapper.swap(GROUP, [(me, 0), (me, "left")])


def test_no_face_names_the_file_and_the_tries(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    path = tmp_path / "party.png"
    Image.fromarray(picture((108, 192), [])).save(path)
    with pytest.raises(InputError, match=r"no face found in party.png \(192x108; smallest face searched: 8 px\)"):
        swapper.swap(path, me)
    with pytest.raises(InputError, match="no face found in the picture"):
        swapper.swap(picture((108, 192), []), me)


def test_a_cut_face_is_refused_by_name_and_skipped_by_all(
    swapper: FaceSwapper, me: Identity, monkeypatch: pytest.MonkeyPatch
):
    # A third of the corner marker's box lies outside, to the left and above.
    image = picture((256, 384), [(0, 0), (4, 8)])
    assert swapper.swap(image, me, faces="all").swapped == (0, 1)
    monkeypatch.setattr("facesdk.faces.usable.MIN_INSIDE", 0.9)
    result = swapper.swap(image, me, faces="all")
    assert result.swapped == (1,) and result.skipped[0][0] == 0 and "cut by the border" in result.skipped[0][1]
    assert not result.mask[:64, :64].any()
    with pytest.raises(InputError, match="face 0 is cut by the border"):
        swapper.swap(image, me, faces=0)
    with pytest.raises(InputError, match="face 0 is cut by the border"):
        swapper.swap(np.ascontiguousarray(image[:128, :128]), me, faces="all")


def test_a_face_that_is_too_small_is_refused(swapper: FaceSwapper, me: Identity, monkeypatch: pytest.MonkeyPatch):
    # The fake detector finds faces of 48 px, enlarged twice: 12.5 px between the eyes.
    small = np.ascontiguousarray(picture((256, 256), [(3, 3)])[::2, ::2])
    assert swapper.swap(small, me).swapped == (0,)
    monkeypatch.setattr("facesdk.swap_sources.MIN_TARGET_EYES_PX", 13.0)
    with pytest.raises(InputError, match=r"face 0 is too small \(12.5 px between the eyes, 13 needed\)"):
        swapper.swap(small, me)


def test_a_broken_network_leaves_no_picture(tmp_path: Path, me: Identity):
    pack = write_fake_pack(tmp_path / "broken", paint=float("nan"))
    with FaceSwapper(pack, BACKEND, threads=1) as swapper, pytest.raises(BackendError, match="not finite"):
        swapper.swap(GROUP, me)


def test_timings_name_every_stage(swapper: FaceSwapper, me: Identity):
    timings = swapper.swap(GROUP, me).timings
    stages = timings.as_dict()
    assert list(stages) == ["detect", "landmarks", "source", "encode", "blend", "decode", "parse", "mask", "paste"]
    assert timings.total_ms == pytest.approx(sum(stages.values())) and min(stages.values()) > 0


MARKS = ("xmp", "pixel", *(("c2pa",) if has_c2pa() else ()))


def test_saving_marks_the_file(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    result = swapper.swap(GROUP, me)
    assert result.marks == MARKS and result.backend == "onnxruntime-cpu"
    path = result.save(tmp_path / "out.png")
    assert str(read_label(path)).endswith("/compositeWithTrainedAlgorithmicMedia")
    # The pixel mark is in the file and not in the result; 42 dB is what it promises.
    error = np.asarray(Image.open(path)).astype(float) - result.image
    assert np.abs(error).max() <= 12 and 10 * np.log10(255**2 / np.square(error).mean()) >= 42
    with pytest.raises(ProvenanceError):
        result.save(tmp_path / "out.gif")
    with pytest.raises(MediaError):
        result.save(tmp_path / "no" / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


def test_threads_share_one_swapper(swapper: FaceSwapper, me: Identity, bob: Identity):
    wanted = {0: swapper.swap(GROUP, me, 0).image, 1: swapper.swap(GROUP, bob, 1).image}
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(5):
            image = swapper.swap(GROUP, (me, bob)[number], number).image
            if np.abs(image.astype(int) - wanted[number]).max() > 1:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(index % 2,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_swapper_says_so(fake_pack: Pack, me: Identity):
    with FaceSwapper(fake_pack, BACKEND, threads=1) as swapper:
        pass
    with pytest.raises(InputError, match="closed"):
        swapper.swap(GROUP, me)


def test_wrong_options_are_refused(fake_pack: Pack, tmp_path: Path):
    with pytest.raises(InputError, match="method='magic'"):
        FaceSwapper(fake_pack, method="magic")
    with pytest.raises(InputError, match="backend"):
        FaceSwapper(fake_pack, backend="gpu")
    with pytest.raises(PackError):
        FaceSwapper(tmp_path / "nothing")
