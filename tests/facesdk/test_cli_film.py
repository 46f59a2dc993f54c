"""`facesdk swap` and `verify` with films: what is printed, what is written, and the exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.cli import main
from facesdk.commands.swap_film import parse_trim
from facesdk.commands.targets import split_arguments
from facesdk.errors import InputError
from facesdk.pack.reader import Pack
from tests.facesdk.clips import Clip, pictures, times, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(fake_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESDK_PACK_PATH", str(fake_pack.path.parent))
    monkeypatch.setenv("FACESDK_BACKEND", BACKEND)
    monkeypatch.setenv("FACESDK_THREADS", "1")
    Image.fromarray(picture((256, 256), [(3, 3)], 220)).save("me.png")
    write_clip(Path("film.mp4"), Clip(count=8))

    def call(*arguments: str) -> tuple[int, str, str]:
        pack = ["--pack", "fake"] if arguments[0] in ("swap", "enroll") else []
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *pack])
        out = capsys.readouterr()
        return (caught.value.code if isinstance(caught.value.code, int) else 0), out.out, out.err

    return call


def test_swap_a_film_and_verify_it(run: Run):
    code, out, err = run("swap", "me.png", "film.mp4", "--consent", "self", "-o", "out.mp4")
    assert code == 0 and "film.mp4  8 frames, 8 with a swap" in out and "-> out.mp4\n" in out
    assert "marked     XMP, tag, pixel mark" in out and "   check with: facesdk verify out.mp4" in out
    assert "100 %  8 of 8 frames" in err
    code, out, _ = run("verify", "out.mp4")
    assert code == 0 and "a trained algorithm changed parts of it" in out and "XMP Iptc4xmpExt" in out
    assert run("verify", "film.mp4")[0] == 1
    code, _, err = run("swap", "me.png", "film.mp4", "--consent", "self", "-o", "out.mp4")
    assert code == 2 and "--force" in err
    assert run("swap", "me.png", "film.mp4", "--consent", "self", "-o", "out.mp4", "--force")[0] == 0


def test_options_of_films(run: Run):
    arguments = ("--trim", "0.1-0.25", "--encoder", "ffv1", "--faces", "all")
    code, out, _ = run("swap", "me.png", "film.mp4", "--consent", "self", "-o", "out.mkv", *arguments)
    assert code == 0 and len(pictures(Path("out.mkv"))) == 3 and abs(times(Path("out.mkv"))[0]) < 0.03
    code, out, _ = run("verify", "out.mkv")
    assert code == 0 and "tag DIGITAL_SOURCE_TYPE" in out


def test_a_folder_and_a_pattern(run: Run):
    Path("in").mkdir()
    for name in ("a.mp4", "b.mov"):
        write_clip(Path("in") / name, Clip(count=3))
    write_clip(Path("in") / "c.avi", Clip(count=3, time_base=Clip().rate ** -1))
    Image.fromarray(picture((192, 256), [(2, 3)])).save("in/d.png")
    (Path("in") / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    code, out, err = run("swap", "me.png", "in", "--consent", "self", "-o", "out")
    assert code == 3 and "broken.mp4" in err
    assert sorted(p.name for p in Path("out").iterdir()) == ["a.mp4", "b.mov", "c.mp4", "d.png"]
    code, out, _ = run("swap", "me.png", "in/?.m*", "--consent", "self", "-o", "out")
    assert code == 0 and out.count("is there already") == 2
    code, out, _ = run("swap", "me.png", "in/a.mp4", "in/b.mov", "--consent", "self", "-o", "two")
    assert code == 0 and sorted(p.name for p in Path("two").iterdir()) == ["a.mp4", "b.mov"]


def test_a_damaged_film_is_written_and_told(run: Run):
    write_clip(Path("bad.mp4"), Clip(count=40, size_hw=(256, 320)))
    data = bytearray(Path("bad.mp4").read_bytes())
    start = data.find(b"mdat") + 3000
    for place in np.random.default_rng(0).integers(start, start + (len(data) - start) // 2, 40):
        data[place] ^= 0xFF
    Path("bad.mp4").write_bytes(data)
    code, out, _ = run("swap", "me.png", "bad.mp4", "--consent", "self", "-o", "out.mp4")
    assert code == 3 and "attention  " in out and "of 40 frames of the source" in out and Path("out.mp4").exists()


BAD = [
    (["film.mp4", "-o", "film.mp4"], 2, "is the target itself"),
    (["film.mp4", "-o", "out.gif"], 3, "films are not written as .gif"),
    (["film.mp4", "-o", "none/out.mp4"], 3, "no folder none"),
    (["film.mp4", "-o", "out.mp4", "--trim", "5"], 2, "START-END"),
    (["film.mp4", "-o", "out.mp4", "--trim", "5-4"], 2, "the first before the second"),
    (["film.mp4", "-o", "out.mp4", "--encoder", "h266"], 2, "libx264"),
    (["film.mp4", "-o", "out.mp4", "--quality", "0"], 2, "1 to 100"),
    (["half.mp4", "-o", "out.mp4"], 3, "cut off"),
    (["empty", "-o", "out"], 2, "no picture and no film"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), BAD, ids=[text for *_, text in BAD])
def test_bad_input_is_one_message_and_its_code(run: Run, arguments: list[str], code: int, text: str):
    Path("half.mp4").write_bytes(Path("film.mp4").read_bytes()[:-1500])
    Path("empty").mkdir()
    got, out, err = run("swap", "me.png", *arguments, "--consent", "self")
    assert (got, out) == (code, "") and text in err and len(err.splitlines()) <= 3
    assert not Path("out.mp4").exists()


def test_consent_must_cover_films(run: Run):
    run("enroll", "me.png", "--consent", "self", "--scope", "still", "-o", "me.identity")
    code, _, err = run("swap", "me.identity", "film.mp4", "-o", "out.mp4")
    assert code == 5 and "covers still, and not 'film'" in err


def test_arguments_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write_clip(Path("a.mp4"), Clip(count=2))
    write_clip(Path("b.mp4"), Clip(count=2))
    assert split_arguments(["me.identity", "x.jpg"]) == (["me.identity"], ["x.jpg"])
    assert split_arguments(["me.png", "b.png", "a.mp4", "b.mp4"]) == (["me.png", "b.png"], ["a.mp4", "b.mp4"])
    with pytest.raises(InputError):
        split_arguments(["a.mp4"])
    assert (
        parse_trim("1:30-2:00.5") == (90.0, 120.5)
        and parse_trim("5-") == (5.0, None)
        and parse_trim("-7") == (None, 7.0)
    )
