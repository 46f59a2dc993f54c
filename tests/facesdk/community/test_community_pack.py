"""From files that a user has to a swapped face, and what is refused on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from facesdk.cli import main
from facesdk.community.add_models import MIXED, add_models
from facesdk.community.analyzer import CommunityAnalyzer
from facesdk.community.emap import project
from facesdk.community.model import EMAP_FILE, FAMILY, read_emap
from facesdk.consent import Consent
from facesdk.errors import InputError, PackError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.ops.blend import paste_into
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.community_swap import CommunitySwapPipeline, CommunitySwapSettings
from facesdk.stopwatch import Stopwatch
from facesdk.swapper import FaceSwapper
from tests.facesdk.community.community_graphs import (
    GAIN,
    converter,
    enhancer,
    random_emap,
    recogniser,
    swapper,
    write,
)
from tests.facesdk.fake_pack import picture

TARGET = picture((320, 384), [(3, 4)])
EMAP = random_emap()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files as a user has them."""
    folder = tmp_path_factory.mktemp("files")
    write(folder, "inswapper_128.onnx", swapper("inswapper_128", EMAP, gain=1.0))
    write(folder, "w600k_r50.onnx", recogniser())
    write(folder, "ghost_1_256.onnx", swapper("ghost_1_256", gain=0.01))
    write(folder, "crossface_ghost.onnx", converter())
    write(folder, "uniface_256.onnx", swapper("uniface_256"))
    write(folder, "GFPGANv1.4.onnx", enhancer("gfpgan_1.4", 0.2))
    return folder


@pytest.fixture(scope="module")
def inswapper(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """inswapper and its recogniser."""
    out = tmp_path_factory.mktemp("packs") / "ins"
    paths = [files / "inswapper_128.onnx", files / "w600k_r50.onnx"]
    return add_models(paths, out, {"inswapper_128.onnx": "inswapper_128"})[0]


@pytest.fixture
def me(base_folder: Path) -> Identity:
    with FaceAnalyzer(base_folder / "nano") as analyzer:
        return Identity.from_images(picture((256, 256), [(3, 3)], 60), Consent.self_(), analyzer=analyzer)


def _imported(vector: np.ndarray, length: float = 20.0, space: str = "arcface_w600k_r50") -> Identity:
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    return Identity(unit, np.zeros((0, 256, 256, 3), np.uint8), Consent.self_(), "", space, length)


def _inside(mask: np.ndarray) -> np.ndarray:
    """Pixels that are the swap's alone."""
    inside = mask > 0.999
    assert inside.sum() > 500
    return inside


def test_a_pack_is_signed_here_and_says_what_is_in_it(inswapper: Pack) -> None:
    assert inswapper.signer == "this machine" and inswapper.verify() == 4
    family = inswapper.manifest.family(FAMILY)
    assert family.extra["models"]["swapper"]["convention"] == "inswapper_128"
    assert family.extra["models"]["swapper"]["sha256"] == family.graphs["swapper"].sha256
    assert inswapper.manifest.terms.commercial == "no"
    assert {origin.name for origin in inswapper.manifest.terms.origins} == {"inswapper_128", "arcface_w600k_r50"}
    assert "https://github.com/deepinsight" in next(iter(inswapper.licenses.values()))
    np.testing.assert_array_equal(read_emap(inswapper), EMAP)


def test_the_face_changes_by_what_the_matrix_makes_of_the_source(inswapper: Pack) -> None:
    who = _imported(np.random.default_rng(1).normal(size=512))
    with FaceSwapper(inswapper) as opened:
        result = opened.swap(TARGET, who)
    assert any("inswapper_128" in note and "fake" in note for note in result.notes)
    inside = _inside(result.mask)
    shift = project(who.embedding, EMAP)[:3] * 255
    assert np.abs(shift).max() > 5
    moved = result.image.astype(float) - TARGET
    # Where neither end of the range was reached.
    free = inside & (TARGET == 90).all(-1)
    assert free.sum() > 100
    np.testing.assert_allclose(np.median(moved[free], 0), shift, atol=1.0)
    assert np.array_equal(result.image[result.mask == 0], TARGET[result.mask == 0])


def test_an_enrolled_identity_is_embedded_by_the_packs_own_recogniser(inswapper: Pack, me: Identity) -> None:
    with FaceSwapper(inswapper) as opened:
        assert opened.analyzer.pack.name == "fake"
        result = opened.swap(TARGET, me)
        again = opened.swap(TARGET, me)
        pipeline = opened._pipeline
        assert isinstance(pipeline, CommunitySwapPipeline)
        row = pipeline._source.read(me)
    # The stand-in of the recogniser sees the mean colour of the arcface crop, at about (60, 60, 60) and the marker.
    assert row.shape == (1, 512) and abs(float(np.linalg.norm(row)) - 1) < 1e-5
    free = _inside(result.mask) & (TARGET == 90).all(-1)
    np.testing.assert_allclose(np.median((result.image.astype(float) - TARGET)[free], 0), row[0, :3] * 255, atol=1.0)
    assert np.array_equal(result.image, again.image)


def test_without_the_recogniser_it_is_said_which_file_to_add(files: Path, tmp_path: Path, me: Identity) -> None:
    out = tmp_path / "bare"
    add_models([files / "inswapper_128.onnx"], out, {"inswapper_128.onnx": "inswapper_128"})
    with FaceSwapper(open_pack(out)) as opened:
        with pytest.raises(PackError, match=r"no arcface_w600k_r50(.|\n)*facesdk packs add w600k_r50.onnx -o"):
            opened.swap(TARGET, me)
        # What was imported needs none.
        assert opened.swap(TARGET, _imported(np.ones(512))).swapped == (0,)
    pack, added = add_models([files / "w600k_r50.onnx"], out)
    assert set(added) == {"recogniser"} and set(pack.manifest.family(FAMILY).graphs) == {"swapper", "recogniser"}
    with FaceSwapper(pack) as opened:
        assert opened.swap(TARGET, me).swapped == (0,)
    with pytest.raises(PackError, match="the pack has one already: inswapper_128"):
        add_models([files / "inswapper_128.onnx"], out, {"inswapper_128.onnx": "reswapper_128"})


def test_an_embedding_of_another_recogniser_is_refused(inswapper: Pack, fake_pack: Pack, me: Identity) -> None:
    with FaceSwapper(inswapper) as opened, pytest.raises(InputError, match="embedding of buffalo_s .* reads"):
        opened.swap(TARGET, _imported(np.ones(512), space="buffalo_s"))
    with FaceSwapper(fake_pack) as opened:
        with pytest.raises(InputError, match="embedding of arcface_w600k_r50 and no pictures"):
            opened.swap(TARGET, _imported(np.ones(512)))
        assert opened.swap(TARGET, me).swapped == (0,)


def test_a_converter_gets_the_embedding_as_it_was_and_ghost_its_length(files: Path, tmp_path: Path) -> None:
    paths = [files / "ghost_1_256.onnx", files / "crossface_ghost.onnx"]
    wishes = {"ghost_1_256.onnx": "ghost_1_256", "crossface_ghost.onnx": "crossface_ghost"}
    out = tmp_path / "ghost"
    with pytest.raises(PackError, match="its makers state no licence"):
        add_models(paths, out, wishes)
    assert not out.exists()
    pack, _ = add_models(paths, out, wishes, "LicenseRef-OpenRAIL-AS")
    assert EMAP_FILE not in pack.manifest.files
    vector = np.zeros(512)
    vector[:3] = (3, 1, 2)
    with FaceSwapper(pack) as opened:
        result = opened.swap(TARGET, _imported(vector, length=30.0))
        with pytest.raises(InputError, match="scaled to length 1"):
            opened.swap(TARGET, _imported(vector, length=0.0))
    # Three times 30 long, turned by one place, not scaled to 1; the picture is in [-1, 1].
    raw = np.roll(vector / np.linalg.norm(vector) * 30, -1) * 3
    free = _inside(result.mask) & (TARGET == 90).all(-1)
    moved = np.median((result.image.astype(float) - TARGET)[free], 0)
    np.testing.assert_allclose(moved, np.clip(raw[:3] * 0.01 * 127.5, -90, 165), atol=1.0)


def test_without_its_converter_a_swapper_is_not_opened(files: Path, tmp_path: Path) -> None:
    pack, _ = add_models([files / "ghost_1_256.onnx"], tmp_path / "g", {"ghost_1_256.onnx": "ghost_1_256"})
    with pytest.raises(PackError, match="no crossface_ghost"):
        FaceSwapper(pack)


def test_a_frame_is_cut_from_the_identitys_picture_and_enhanced(files: Path, tmp_path: Path, me: Identity) -> None:
    out = tmp_path / "uni"
    pack, _ = add_models([files / "uniface_256.onnx"], out, licence="MIT")
    assert pack.manifest.terms.commercial == "yes"
    with FaceSwapper(pack) as opened:
        plain = opened.swap(TARGET, me)
        with pytest.raises(InputError, match="no pictures; uniface_256 reads pictures"):
            opened.swap(TARGET, _imported(np.ones(512)))
    free = _inside(plain.mask) & (TARGET == 90).all(-1)
    moved = np.median((plain.image.astype(float) - TARGET)[free], 0)
    # Brighter by a quarter of the source's mean, of which 1 is half of the target's range.
    assert (moved > 4).all() and (moved < GAIN * 127.5).all()
    pack, _ = add_models([files / "GFPGANv1.4.onnx"], out, {"GFPGANv1.4.onnx": "gfpgan_1.4"})
    assert pack.manifest.terms.commercial == "ask"
    with FaceSwapper(pack) as opened:
        better = opened.swap(TARGET, me)
    assert "enhance" in better.timings.as_dict()
    free &= better.mask > 0.999
    # 0.2 of the signed range, 0.8 of which is taken.
    gained = np.median((better.image.astype(float) - plain.image)[free], 0)
    np.testing.assert_allclose(gained, 0.2 * 127.5 * 0.8, atol=1.5)


def test_a_larger_crop_goes_through_in_tiles(inswapper: Pack) -> None:
    who = _imported(np.random.default_rng(1).normal(size=512))
    # A face four times as large as the crop of the model.
    image = np.kron(TARGET, np.ones((4, 4, 1), np.uint8))
    exact = np.clip(image + project(who.embedding, EMAP)[:3] * 255, 0, 255)
    errors = []
    with CommunityAnalyzer(inswapper) as analyzer:
        (found,) = analyzer.analyze(TARGET, recognise=False, parse=False)
        assert found.landmarks is not None
        face = replace(found, box=found.box * 4, points=found.points * 4, landmarks=found.landmarks * 4)
        for boost in (1, 3):
            pipeline = CommunitySwapPipeline(inswapper, analyzer, settings=CommunitySwapSettings(boost=boost))
            (swapped,) = pipeline.swap(image, [(face, who)], Stopwatch())
            out, mask = image.copy(), np.zeros(image.shape[:2], np.float32)
            painted, roi = paste_into(out, swapped.crop, swapped.mask, swapped.matrix, 1)
            mask[roi.slices] = painted
            errors.append(np.abs(out - exact)[_inside(mask)])
        with pytest.raises(InputError, match="boost >= 1"):
            CommunitySwapPipeline(inswapper, analyzer, settings=CommunitySwapSettings(boost=0))
    # The same change of the face, and less of the marker's edges is lost.
    assert np.median(errors[1]) < 1.0 and errors[1].mean() < 0.6 * errors[0].mean()


def test_commercial_use_is_enforced(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_COMMERCIAL", "1")
    with pytest.raises(PackError, match="commercial use: no"):
        add_models([files / "w600k_r50.onnx"], tmp_path / "w")
    assert list(tmp_path.iterdir()) == []
    pack, _ = add_models([files / "uniface_256.onnx"], tmp_path / "u", licence="Apache-2.0")
    assert pack.manifest.license_spdx == "Apache-2.0"
    wish = {"crossface_ghost.onnx": "crossface_ghost"}
    pack, _ = add_models([files / "crossface_ghost.onnx"], tmp_path / "u", wish, "MIT")
    # Two licences, both of which allow it.
    assert pack.manifest.license_spdx == MIXED and Pack(pack.path).manifest.terms.commercial == "yes"


def test_a_licence_that_is_said_can_only_be_stricter_than_the_makers(files: Path, tmp_path: Path) -> None:
    pack, added = add_models([files / "w600k_r50.onnx"], tmp_path / "w", licence="MIT")
    assert added["recogniser"].licence == "MIT" and added["recogniser"].commercial == "no"
    assert pack.manifest.terms.commercial == "no" and Pack(pack.path).manifest.terms.commercial == "no"
    with pytest.raises(PackError, match="no licence that facesdk knows"):
        add_models([files / "uniface_256.onnx"], tmp_path / "u", licence="free")


def _hostile(kind: str) -> bytes:
    model = onnx.load_model_from_string(swapper("inswapper_128", EMAP))
    if kind == "external":
        tensor = model.graph.initializer[-1]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
    elif kind == "domain":
        model.graph.node[0].domain = "evil.ops"
    elif kind == "loop":
        body = onnx.helper.make_graph([], "body", [], [])
        model.graph.node.append(onnx.helper.make_node("Loop", [], [], body=body))
    elif kind == "dies":
        model.graph.node[0].op_type = "NoSuchOp"
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("external", "its weights are in another file"),
        ("domain", "'evil.ops', which is not known"),
        ("loop", "the operator Loop"),
        ("dies", "failed in its trial"),
    ],
)
def test_hostile_files_are_refused_and_nothing_is_left(kind: str, why: str, tmp_path: Path) -> None:
    path = write(tmp_path, "bad.onnx", _hostile(kind))
    with pytest.raises(PackError, match=why):
        add_models([path], tmp_path / "out", {"bad.onnx": "inswapper_128"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.onnx"]


def test_wrong_paths_and_wishes(files: Path, tmp_path: Path, fake_pack: Pack) -> None:
    with pytest.raises(PackError, match="no such file"):
        add_models([tmp_path / "none.onnx"], tmp_path / "out")
    with pytest.raises(InputError, match="--as names files that are not added: b.onnx"):
        add_models([files / "w600k_r50.onnx"], tmp_path / "out", {"b.onnx": "scrfd"})
    with pytest.raises(PackError, match="a pack of another kind"):
        add_models([files / "w600k_r50.onnx"], fake_pack.path)


def test_the_command(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out = capsys.readouterr()
        return (caught.value.code if isinstance(caught.value.code, int) else 0), out.out + out.err

    code, out = run("packs", "add", files / "inswapper_128.onnx")
    assert code == 4 and "several models" in out and "--as inswapper_128" in out
    code, out = run("packs", "add", files / "inswapper_128.onnx", "--as", "inswapper_128")
    assert code == 0 and "commercial use: no" in out and "missing    arcface_w600k_r50" in out
    assert "--pack ./inswapper_128" in out and (tmp_path / "inswapper_128" / "manifest.sig").is_file()
    code, out = run("packs", "add", files / "w600k_r50.onnx", "-o", "inswapper_128")
    assert code == 0 and "missing" not in out
    code, out = run("packs", "add", files / "uniface_256.onnx", files / "w600k_r50.onnx", "--as", "scrfd")
    assert code == 2 and "of 2 files" in out
