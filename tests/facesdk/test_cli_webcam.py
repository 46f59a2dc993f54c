"""`facesdk webcam`: what it prints and writes, how it ends, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from facesdk.cli import main
from facesdk.commands.content_note import NOTE
from facesdk.commands.webcam import make_sink, parse_size
from facesdk.errors import InputError
from facesdk.media.live_sink import NullSink
from facesdk.media.live_virtual import VirtualCameraSink
from facesdk.media.live_window import WindowSink
from facesdk.pack.reader import Pack
from facesdk.pipelines.live_film import FilmSink
from tests.facesdk.clips import Clip, times, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(fake_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESDK_PACK_PATH", str(fake_pack.path.parent))
    monkeypatch.setenv("FACESDK_BACKEND", BACKEND)
    monkeypatch.setenv("FACESDK_THREADS", "1")
    Image.fromarray(picture((256, 256), [(3, 3)], 220)).save("me.png")
    write_clip(Path("film.mp4"), Clip(count=8))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        pack = ["--pack", "fake"] if arguments[0] in ("webcam", "enroll") else []
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *pack])
        out = capsys.readouterr()
        return (caught.value.code if isinstance(caught.value.code, int) else 0), out.out, out.err

    return call


def test_a_film_as_camera_into_a_marked_film(run: Run):
    arguments = ("--camera", "film.mp4", "--loop", "--frames", "10", "-o", "out.mp4", "--json", "live.json")
    code, out, err = run("webcam", "me.png", "--consent", "self", *arguments)
    assert (code, err) == (0, f"{NOTE}\n") and out.startswith("live       film.mp4 -> film out.mp4   Ctrl-C ends it\n")
    assert "film.mp4  160x128  10 frames, " in out and "-> out.mp4\n" in out and "latency    p50 " in out
    assert (
        "marked     XMP, TAG" in out
        and "check with: facesdk verify out.mp4" in out
        and len(times(Path("out.mp4"))) == 10
    )
    document = json.loads(Path("live.json").read_text())
    assert document["figures"]["shown"] == 10 and document["ended_by"] == "limit" and document["path"] == "out.mp4"
    assert run("verify", "out.mp4")[0] == 0
    code, _, err = run("webcam", "me.png", "--consent", "self", *arguments)
    assert code == 2 and "--force" in err
    assert run("webcam", "me.png", "--consent", "self", "--force", *arguments)[0] == 0


def test_an_identity_and_its_consent(run: Run):
    assert run("enroll", "me.png", "--consent", "self", "-o", "me.identity")[0] == 0
    code, out, _ = run("webcam", "me.identity", "--camera", "film.mp4", "--sink", "null")
    assert code == 0 and "-> null" in out
    assert run("enroll", "me.png", "--consent", "self", "--scope", "still,film", "-o", "film.identity")[0] == 0
    code, _, err = run("webcam", "film.identity", "--camera", "film.mp4", "--sink", "null")
    assert code == 5 and "not 'live'" in err
    assert run("webcam", "me.png", "--camera", "film.mp4", "--sink", "null")[0] == 5


def test_what_is_refused(run: Run):
    me = ("webcam", "me.png", "--consent", "self", "--sink", "null")
    assert run(*me, "--camera", "http://10.1.1.1/video")[0] == 2
    assert run(*me, "--camera", "none.mp4")[0] == 3
    assert run(*me, "--camera", "me.png.txt")[0] == 3
    assert run(*me, "--size", "big")[0] == 2
    assert run(*me, "-o", "out.mp4", "--camera", "film.mp4")[0] == 2
    if not Path("/dev/video99").exists():
        code, _, err = run(*me, "--camera", "99")
        assert code == 3 and "camera 99" in err
    assert run("webcam", "me.png", "--sink", "tape")[0] == 2
    assert run("webcam", "me.png", "--sink", "file")[0] == 2
    # The badge is not to be switched off.
    assert run(*me, "--camera", "film.mp4", "--no-badge")[0] == 2


def test_sinks_and_sizes(tmp_path: Path):
    assert isinstance(make_sink(None, False, None, False), WindowSink)
    assert isinstance(make_sink("virtual", True, None, False), VirtualCameraSink)
    assert isinstance(make_sink(None, False, tmp_path / "a.mp4", False), FilmSink)
    assert isinstance(make_sink("null", False, None, False), NullSink)
    with pytest.raises(InputError, match="virtual and file"):
        make_sink(None, True, tmp_path / "a.mp4", False)
    assert parse_size("1280x720") == (720, 1280)
    for text in ("1280", "x720", "1280x7200000", "-1x5"):
        with pytest.raises(InputError, match="--size"):
            parse_size(text)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as SIGINT")
def test_ctrl_c_ends_it_with_a_film_that_plays(folder: Path, environment: dict[str, str]):
    command = [sys.executable, "-m", "facesdk", "webcam", "me.png", "--consent", "self", "--pack", "fake"]
    # The film begins anew for ever: nothing but Ctrl-C ends this.
    command += ["--camera", "film.mp4", "--loop", "-o", "out.mp4", "--json", "live.json"]
    child = subprocess.Popen(
        command, env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)}, stdout=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 120
        # The second piece is begun when the first, a second long, is whole.
        while len(list(folder.glob("out.mp4.live/*.mkv"))) < 2 and time.monotonic() < until and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0 and b"marked     XMP" in out, out
    document = json.loads(Path("live.json").read_text())
    assert document["ended_by"] == "asked" and len(times(folder / "out.mp4")) == document["figures"]["shown"] > 1
    assert not (folder / "out.mp4.live").exists()
