"""`facesdk generate` and what `facesdk demo` makes of a pack with a generator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.cli import main
from facesdk.commands import generate as command
from facesdk.consent import Consent
from facesdk.errors import MediaError
from facesdk.generator import FaceGenerator
from facesdk.pack import Pack
from facesdk.provenance.label import SOURCE_TYPES, read_label
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture
from tests.facesdk.tiny_generator import SIDE

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(people_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with pictures; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESDK_PACK_PATH", str(people_pack.path.parent))
    monkeypatch.setenv("FACESDK_BACKEND", BACKEND)
    monkeypatch.setenv("FACESDK_THREADS", "1")
    Image.fromarray(picture((256, 256), [(3, 3)], 220)).save("me.png")
    Image.fromarray(picture((256, 256), [(3, 3)], 20)).save("bob.png")
    Image.fromarray(picture((108, 192), [])).save("empty.png")
    Path("text.png").write_text("no picture")
    Path("file").write_text("in the way")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *([] if "--pack" in arguments else ["--pack", "people"])])
        code = caught.value.code
        out = capsys.readouterr()
        return (code if isinstance(code, int) else 0), out.out, out.err

    return call


def generate(run: Run, words: str) -> tuple[int, str, str]:
    return run("generate", *words.split())


def files(folder: str = ".") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def test_faces_and_their_sheet(run: Run, generator: FaceGenerator):
    code, out, err = generate(run, "--count 3 --seed 7 --set smile=1 hair=red -o faces/ --sheet sheet.png")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert re.fullmatch(r"generate   3 faces, seed 7, 4 steps  total \d+ ms   -> faces", lines[0])
    assert lines[1] == "sheet      3 faces   -> sheet.png"
    assert lines[2].startswith("marked     XMP") and lines[2].endswith("check with: facesdk verify faces/seed7_000.png")
    assert files("faces") == ["seed7_000.png", "seed7_001.png", "seed7_002.png"]
    for index, face in enumerate(generator.sample(3, 7, {"smile": 1, "hair": "red"})):
        np.testing.assert_array_equal(np.asarray(Image.open(f"faces/seed7_{index:03d}.png")), face.image)
    assert np.asarray(Image.open("sheet.png")).shape[1] > 3 * SIDE
    for path in (*Path("faces").iterdir(), "sheet.png"):
        assert read_label(path) == SOURCE_TYPES["generate"]


def test_set_may_be_given_in_either_way(run: Run):
    generate(run, "--set smile=1 --set hair=red -o a.png")
    generate(run, "--set smile=1 hair=red -o b.png")
    generate(run, "hair=red smile=1.0 -o c.png")
    generate(run, "-o d.png")
    a, b, c, d = (np.asarray(Image.open(f"{name}.png")) for name in "abcd")
    assert (a == b).all() and (a == c).all() and (a != d).any()


def test_one_face_may_go_into_a_file_and_solvers_may_be_chosen(run: Run):
    code, out, _ = generate(run, "--solver dopri5 --guidance 1 -o one.webp")
    assert code == 0 and "1 face, seed 0, dopri5  total" in out and "-> one.webp" in out
    code, out, _ = generate(run, "--solver rk4 --steps 1 -o one.jpg")
    assert code == 0 and "1 rk4 step " in out
    assert Image.open("one.jpg").size == (SIDE, SIDE)


def test_a_path_between_two_faces(run: Run):
    code, out, _ = generate(run, "--interpolate me.png bob.png --steps 4 --consent self -o path --sheet s.jpg")
    assert code == 0 and "generate   4 faces, me.png to bob.png  total" in out
    assert files("path") == [f"path_{index:03d}.png" for index in range(4)]
    assert {read_label(path) for path in (*Path("path").iterdir(), "s.jpg")} == {SOURCE_TYPES["swap"]}
    code, out, _ = generate(run, "--interpolate me.png bob.png --consent self")
    assert code == 0 and "9 faces" in out and len(files("faces")) == 9


def test_an_edit(run: Run, generator: FaceGenerator):
    code, out, _ = generate(run, "--edit me.png --set smile=1 hair=red --consent given --who Ann")
    assert code == 0 and "1 face, me.png, smile=1 hair=red, 16 heun steps" in out and "-> faces/me_edit.png" in out
    assert read_label("faces/me_edit.png") == SOURCE_TYPES["swap"]
    # The whole picture, and with --crop the face alone.
    me = Image.open("me.png")
    whole = generator.edit_picture("me.png", {"smile": 1, "hair": "red"}, consent=Consent.self_())
    written = np.asarray(Image.open("faces/me_edit.png"))
    # But for the pixel mark, which changes a few levels.
    assert np.abs(written - whole.image.astype(float)).max() < 12 < np.abs(written - np.asarray(me).astype(float)).max()
    code, out, _ = generate(run, "--edit me.png --crop --set smile=1 hair=red --consent self -o crop.png")
    assert code == 0 and read_label("crop.png") == SOURCE_TYPES["swap"]
    np.testing.assert_array_equal(np.asarray(Image.open("crop.png")), whole.face.image)
    code, out, _ = generate(run, "--edit me.png --strength 0.5 --steps 8 -o e.png --consent self")
    assert code == 0 and "reconstruction, 8 heun steps" in out


def test_a_generated_picture_is_edited_without_consent(run: Run):
    # What the generator makes here has no marker in it that the fake detector takes for a face, so one is marked.
    from facesdk.provenance.mark import write

    write("made.png", picture((256, 256), [(3, 3)], 200), "generate")
    code, out, _ = generate(run, "--edit made.png --set smile=1 -o e.png")
    assert code == 0 and read_label("e.png") == SOURCE_TYPES["generate"]
    code, _, err = generate(run, "--interpolate made.png me.png -o path")
    assert code == 5 and err.startswith("facesdk: me.png has no label")


def test_a_bar_from_eight_faces_up_where_a_person_looks_on(run: Run, monkeypatch: pytest.MonkeyPatch):
    bars: list[int] = []

    @contextmanager
    def bar(length: int, **_: object) -> Iterator[object]:
        class Bar:
            pos = 0

            def update(self, by: int) -> None:
                self.pos += by
                bars.append(self.pos)

        yield Bar()
        bars.append(-length)

    monkeypatch.setattr(command.typer, "progressbar", bar)
    generate(run, "--count 8")
    assert bars == []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    generate(run, "--count 7")
    assert bars == []
    generate(run, "--count 8")
    assert bars == [*range(1, 9), -8]


BAD = [
    # (arguments, exit code, a part of the message)
    ("--set nose=1", 2, "There are: smile 0..1, yaw -45..45, glasses 0|1, hair black|red|bald."),
    ("--set smile=2", 2, "It takes: smile 0..1."),
    ("--set smile", 2, "'smile' is no NAME=VALUE"),
    ("--set smile=1 smile=0", 2, "smile is set twice"),
    ("--count 0", 2, "1 to 1000 are made in one call"),
    ("--count 99999999999", 2, "1 to 1000 are made in one call"),
    ("--seed -1", 2, "seed=-1"),
    ("--steps 0", 2, "steps=0"),
    ("--solver dopri5 --steps 3", 2, "chooses its own steps"),
    ("--guidance 100", 2, "guidance=100"),
    ("--strength 0.5", 2, "--strength cannot be given without --interpolate or --edit"),
    ("--crop", 2, "--crop cannot be given without --interpolate or --edit"),
    ("--interpolate me.png bob.png --crop --consent self", 2, "--crop cannot be given with --interpolate"),
    ("--consent self", 2, "--consent cannot be given without"),
    ("--edit me.png --count 2 --consent self", 2, "--count cannot be given with --edit"),
    ("--interpolate me.png bob.png --set smile=1 --consent self", 2, "--set cannot be given with --interpolate"),
    ("--interpolate me.png bob.png --edit me.png --consent self", 2, "--edit cannot be given with --interpolate"),
    ("--interpolate me.png bob.png --steps 1 --consent self", 2, "2 to 1000"),
    ("--edit empty.png --set smile=1 --consent self", 2, "no face found in empty.png (192x108"),
    ("--edit me.png --consent self --solver euler", 2, "Use midpoint, heun, rk4 or dopri5"),
    ("--edit me.png --consent self -o me.png", 2, "is a source itself, and would be overwritten"),
    ("--edit me.png --consent self --strength 2", 2, "strength=2.0"),
    ("--count 2 -o two.png", 2, "2 pictures do not go into one file"),
    ("--count 2 -o faces --sheet faces.png --backend gpu", 2, "backend='gpu'"),
    ("-o one.png --sheet one.png", 2, "--sheet one.png is another picture"),
    ("-o file", 3, "file is a file"),
    ("-o file/deep/er", 3, "is a file"),
    ("--sheet no/sheet.png", 3, "there is no folder no"),
    ("--edit none.png --consent self", 3, "no such file"),
    ("--edit text.png --consent self", 3, "no picture that can be read"),
    ("--pack fake", 4, "no family 'latent_flow'; it has: faces, style_swap"),
    ("--pack none", 4, "no pack is called 'none'"),
    ("--edit me.png --set smile=1", 5, "me.png has no label that says that it was generated"),
    ("--edit me.png --consent given", 5, "--who"),
    ("-o one.gif", 5, "cannot carry the label"),
    ("--sheet sheet.bmp", 5, "cannot carry the label"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), BAD, ids=[f"{code}-{words}" for words, code, _ in BAD])
def test_bad_input_is_one_message_and_its_code(
    run: Run, fake_pack: Pack, people_pack: Pack, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, text: str
):
    monkeypatch.setenv("FACESDK_PACK_PATH", f"{people_pack.path.parent}:{fake_pack.path.parent}")
    before = files()
    got, out, err = run("generate", *arguments.split())
    assert got == code and text in err and out == ""
    assert err.startswith("facesdk: ") and "Traceback" not in err and len(err.splitlines()) <= 3
    assert files() == before


@pytest.mark.parametrize("fails_at", [0, 2])
def test_nothing_stays_when_a_picture_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch, fails_at: int):
    from facesdk.commands import face_files

    Path("old").mkdir()
    Path("old/seed0_000.png").write_bytes(b"older")
    real, calls = face_files.write_atomic, 0

    def full(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > fails_at:
            raise MediaError(f"{path} cannot be written: No space left on device.")
        real(path, data)

    monkeypatch.setattr(face_files, "write_atomic", full)
    for folder in ("new/deep", "old"):
        calls = 0
        before = files()
        code, out, err = run("generate", "--count", "4", "-o", folder)
        assert code == 3 and "No space left" in err and out == "" and files() == before


def test_the_demo_makes_a_sheet_where_the_pack_can(run: Run, fake_pack: Pack, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("facesdk.commands.demo.demo_picture", lambda name: Path("me.png").read_bytes())
    code, out, _ = run("demo", "--out", "out")
    lines = out.splitlines()
    assert code == 0 and len(lines) == 4 and lines[1].startswith("swap       demo/target.png")
    assert re.fullmatch(r"generate   8 faces, seed 7, 4 steps  total \d+ ms   -> out/faces.png", lines[2])
    assert lines[3].startswith("marked     XMP")
    assert read_label("out/faces.png") == SOURCE_TYPES["generate"]
    code, out, _ = run("demo", "--out", "plain", "--pack", str(fake_pack.path))
    assert code == 0 and "generate" not in out and files("plain") == ["swap.png"]
