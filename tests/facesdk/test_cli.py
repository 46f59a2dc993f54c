"""The command line: what it prints, what it writes, and its exit code for each kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facesdk
from facesdk.cli import main
from facesdk.commands.content_note import NOTE
from facesdk.commands.sources import parse_source
from facesdk.pack.reader import Pack
from facesdk.provenance.label import read_label
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(fake_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with pictures; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESDK_PACK_PATH", str(fake_pack.path.parent))
    monkeypatch.setenv("FACESDK_BACKEND", BACKEND)
    monkeypatch.setenv("FACESDK_THREADS", "1")
    Image.fromarray(picture((256, 384), [(2, 3), (4, 8)])).save("group.png")
    Image.fromarray(picture((256, 256), [(3, 3)], 220)).save("me.png")
    Image.fromarray(picture((108, 192), [])).save("empty.png")

    def call(*arguments: str) -> tuple[int, str, str]:
        uses_pack = arguments and arguments[0] in ("swap", "enroll", "analyze", "demo") and "--pack" not in arguments
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *(["--pack", "fake"] if uses_pack else [])])
        code = caught.value.code
        out = capsys.readouterr()
        return (code if isinstance(code, int) else 0), out.out, out.err

    return call


def test_enrol_swap_verify(run: Run):
    code, out, _ = run("enroll", "me.png", "me.png", "--consent", "self", "-o", "me.identity")
    assert code == 0 and "2 pictures" in out and "-> me.identity" in out
    code, out, err = run("swap", "me.identity", "group.png", "-o", "out.png")
    assert (code, err) == (0, f"{NOTE}\n")
    assert out.startswith("swap       group.png  1 of 2 faces   analyse ") and "-> out.png\n" in out
    assert "marked     XMP, pixel mark" in out and "   check with: facesdk verify out.png" in out
    code, out, _ = run("verify", "out.png")
    assert code == 0 and "a trained algorithm changed parts of it" in out
    code, out, _ = run("verify", "group.png")
    assert code == 1 and "no mark of generated content" in out
    assert run("verify", "out.png", "group.png")[0] == 1
    assert run("verify", "--audit")[0] == 0


def test_verify_says_each_layer_and_what_it_proves(run: Run):
    run("swap", "me.png", "group.png", "--consent", "self", "-o", "out.jpg", "--label", "--profile", "cn")
    code, out, _ = run("verify", "out.jpg", "--json")
    (report,) = json.loads(out)
    layers = {layer["layer"]: layer for layer in report["layers"]}
    assert code == 0 and report["generated"] and not report["broken"] and set(layers) == {"xmp", "pixel", "c2pa"}
    assert layers["pixel"]["status"] == "found" and "forged" in layers["pixel"]["proves"]
    code, out, err = run("verify", ".")
    assert code == 1 and out.count("proves") == 3 * 4 and "out.jpg: a trained algorithm changed parts" in out
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, out, err = run("verify", ".", "--quick", "--json")
    assert code == 3 and "bad.png" in err and len(json.loads(out)) == 5
    assert run("verify")[0] == 2
    code, out, _ = run("verify", "--audit", "--json")
    assert code == 0 and json.loads(out)[0]["fault"] == ""


def test_profiles_and_labels_on_the_command_line(run: Run):
    code, _, err = run("swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--profile", "mars")
    assert code == 5 and "default, eu, cn, us-ca" in err and not Path("o.png").exists()
    code, out, _ = run("swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--label")
    assert code == 0 and "visible label" in out
    with pytest.raises(SystemExit):
        main(["swap", "me.png", "group.png", "-o", "o.png", "--raw"])


def test_swap_two_identities_to_two_faces(run: Run):
    run("enroll", "me.png", "--consent", "self", "-o", "me.identity")
    code, out, _ = run("swap", "me.identity:0", "me.identity:right", "group.png", "-o", "out.png")
    assert code == 0 and "2 faces" in out
    # The pixel mark changes every pixel by a few levels at most.
    changed = np.abs(np.asarray(Image.open("out.png")).astype(int) - np.asarray(Image.open("group.png"))) > 20
    assert changed[40:128, 64:160].any() and changed[104:190, 224:320].any()


def test_swap_with_pictures_enrols_and_keeps_nothing(run: Run):
    code, out, _ = run("swap", "me.png", "me.png", "group.png", "--consent", "self", "--faces", "all", "-o", "out.jpg")
    assert code == 0 and "2 faces" in out
    assert sorted(file.name for file in Path().iterdir()) == ["empty.png", "group.png", "me.png", "out.jpg"]
    assert read_label("out.jpg") is not None


def test_analyze_writes_numbers_and_a_drawing(run: Run):
    code, out, _ = run("analyze", "group.png", "--draw", "boxes.png", "--json", "faces.json", "--embeddings")
    assert code == 0 and "2 faces" in out and "face 1   at 224,96  96x96 px" in out
    assert "yaw +5  pitch -3  roll +2 degrees" in out
    document = json.loads(Path("faces.json").read_text())
    assert document["size_hw"] == [256, 384] and document["image"] == "group.png"
    second = document["faces"][1]
    assert second["number"] == 1 and second["box_xyxy"] == [224, 96, 320, 192] and second["yaw_degrees"] == 5
    assert len(second["landmarks"]) == 68 and len(second["embedding"]) == 512
    assert Image.open("boxes.png").size == (384, 256)
    code, out, _ = run("analyze", "group.png", "--json", "-")
    assert code == 0 and "embedding" not in json.loads(out)["faces"][0]


def test_packs_and_doctor(run: Run):
    code, out, _ = run("packs", "list")
    assert code == 0 and "fake" in out and "Apache-2.0" in out and "faces, style_swap" in out
    code, out, _ = run("packs", "verify", "fake")
    assert code == 0 and out == "fake: signed by this machine, 8 files match the manifest\n"
    code, out, _ = run("packs", "licenses", "fake")
    assert code == 0 and out.startswith("fake: Apache-2.0   commercial use: yes")
    code, out, _ = run("doctor", "fake")
    assert code == 0 and "onnxruntime" in out


def test_help_and_version(run: Run):
    assert run("--version") == (0, f"facesdk {facesdk.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0 and all(name in out for name in ("swap", "enroll", "analyze", "doctor", "packs", "verify"))


def test_the_demo_swaps_the_bundled_pictures(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "facesdk.commands.demo.demo_picture",
        lambda name: Path({"source.png": "me.png", "target.png": "group.png"}[name]).read_bytes(),
    )
    code, out, _ = run("demo", "--out", "out/deep")
    assert code == 0
    assert out.startswith(
        f"facesdk {facesdk.__version__} · pack fake 0.0.1 (Apache-2.0) · onnxruntime-cpu on 1 thread\n"
    )
    assert "swap       demo/target.png  1 of 2 faces" in out
    assert read_label("out/deep/swap.png") is not None


BAD = [
    # (arguments, exit code, a part of the message)
    (["swap", "me.png", "empty.png", "--consent", "self", "-o", "o.png"], 2, "no face found in empty.png (192x108"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--faces", "5"], 2, "face 5 was asked for"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--faces", "like"], 2, "in quotes"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--backend", "gpu"], 2, "backend='gpu'"),
    (["swap", "me.png:0", "me.png", "group.png", "--consent", "self", "-o", "o.png"], 2, "which face they go to"),
    (["swap", "group.png", "-o", "o.png"], 2, "needs a source and a target"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "group.png"], 2, "is the target itself"),
    (["swap", "me.png", "none.png", "--consent", "self", "-o", "o.png"], 3, "no such file"),
    (["swap", "me.png", "half.jpg", "--consent", "self", "-o", "o.png"], 3, "cut off or damaged"),
    (["swap", "me.png", "text.png", "--consent", "self", "-o", "o.png"], 3, "no picture that can be read"),
    (["swap", "text.identity", "group.png", "-o", "o.png"], 3, "is no identity"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "no/o.png"], 3, "there is no folder no"),
    (["enroll", "me.png", "--consent", "self", "-o", "me.png.bin"], 3, "ends in .identity"),
    (["analyze", "group.png", "--draw", "boxes.xyz"], 3, "not written as"),
    (["verify", "text.png"], 3, "no picture"),
    (
        ["swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--pack", "none"],
        4,
        "no pack is called 'none'",
    ),
    (["packs", "verify", "./broken"], 4, "does not match its manifest (sha256 differs)"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "o.png", "--pack", "./broken"], 4, "sha256 differs"),
    (["swap", "me.png", "group.png", "-o", "o.png"], 5, "--consent self|given|synthetic"),
    (["swap", "me.png", "group.png", "--consent", "given", "-o", "o.png"], 5, "--who"),
    (["swap", "me.png", "group.png", "--consent", "yes", "-o", "o.png"], 5, "one of self, given, synthetic"),
    (["swap", "film.identity", "group.png", "-o", "o.png"], 5, "covers film, and not 'still'"),
    (["swap", "me.png", "group.png", "--consent", "self", "-o", "o.gif"], 5, "cannot carry the label"),
    (["enroll", "me.png", "-o", "new.identity"], 5, "needs a consent statement"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), BAD, ids=[f"{code}-{text[:24]}" for _, code, text in BAD])
def test_bad_input_is_one_message_and_its_code(run: Run, fake_pack: Pack, arguments: list[str], code: int, text: str):
    Path("text.png").write_text("no picture")
    Path("text.identity").write_text("no identity")
    Image.fromarray(picture((256, 384), [(2, 3)])).save("half.jpg")
    Path("half.jpg").write_bytes(Path("half.jpg").read_bytes()[:2000])
    if "film.identity" in arguments:
        run("enroll", "me.png", "--consent", "self", "--scope", "film", "-o", "film.identity")
    if "./broken" in arguments:
        _break(fake_pack, Path("broken"))
    before = sorted(str(file) for file in Path().rglob("*"))
    got, out, err = run(*arguments)
    assert got == code and text in err and out == ""
    assert err.startswith("facesdk: ") and "Traceback" not in err and len(err.splitlines()) <= 3
    assert sorted(str(file) for file in Path().rglob("*")) == before


def _break(pack: Pack, folder: Path) -> None:
    """Copies a pack and flips one byte of its decoder."""
    for file in (path for path in pack.path.rglob("*") if path.is_file()):
        target = folder / file.relative_to(pack.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = bytearray(file.read_bytes())
        if file.name == "style_swap.decoder.onnx":
            data[len(data) // 2] ^= 1
        target.write_bytes(data)


def test_what_was_not_foreseen_is_short_without_debug_and_whole_with_it(run: Run, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("facesdk.provenance.verify.read_label", broken)
    code, _, err = run("verify", "group.png")
    assert code == 1 and "KeyError" in err and "--debug" in err and "Traceback" not in err
    with pytest.raises(KeyError, match="surprise"):
        main(["verify", "group.png", "--debug"])


def test_sources_split_at_the_last_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert [(s.path, s.rule) for s in map(parse_source, ["a.identity:0", "a.identity", "C:\\a.png", "b.png:left"])] == [
        ("a.identity", "0"),
        ("a.identity", None),
        ("C:\\a.png", None),
        ("b.png", "left"),
    ]
    (tmp_path / "odd:1").touch()
    assert parse_source("odd:1").path == "odd:1"
