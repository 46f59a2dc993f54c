"""Each example runs as a program of its own and prints what its first line promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import facesdk
from facesdk import Consent, FaceAnalyzer, Identity
from facesdk.provenance.film import read_film_label
from facesdk.provenance.label import SOURCE_TYPES, read_label
from tests.facesdk.clips import Clip, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture, write_fake_pack
from tests.facesdk.tiny_generator import write_generator_pack

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples")
    # The examples open the default pack, so the fake one takes its name.
    write_fake_pack(root / "packs" / "nano")
    Image.fromarray(picture((256, 384), [(2, 3), (4, 8)])).save(root / "party.png")
    Image.fromarray(picture((256, 256), [(3, 3)], 220)).save(root / "me.png")
    return root


def _run(folder: Path, example: str, *arguments: str, packs: str = "packs") -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(facesdk.__file__).parents[1]),
        "FACESDK_PACK_PATH": str(folder / packs),
        "FACESDK_BACKEND": BACKEND,
        "FACESDK_THREADS": "1",
    }
    command = [sys.executable, str(EXAMPLES / example), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_enroll_and_swap(folder: Path):
    assert "2 pictures, consent='self'" in _run(folder, "enroll.py", "me.png", "me.png", "me.identity")
    out = _run(folder, "swap.py", "me.identity", "party.png", "out.png")
    assert "onnxruntime-cpu, 2 faces found, 1 swapped -> out.png" in out and "decode" in out
    assert read_label(folder / "out.png") is not None


def test_swap_video(folder: Path):
    write_clip(folder / "film.mp4", Clip(count=6, cells=((1, 2),)))
    if not (folder / "me.identity").exists():
        _run(folder, "enroll.py", "me.png", "me.png", "me.identity")
    assert (
        _run(folder, "swap_video.py", "me.identity", "film.mp4", "out.mp4")
        == "6 frames, 6 with a new face -> out.mp4\n"
    )


def test_live_swap(folder: Path):
    write_clip(folder / "camera.mp4", Clip(count=20, cells=((1, 2),)))
    with FaceAnalyzer(folder / "packs" / "nano", BACKEND, threads=1) as analyzer:
        # The consent of enroll.py does not cover live pictures.
        Identity.from_images(folder / "me.png", Consent.self_(), analyzer=analyzer).save(folder / "live.identity")
    said = _run(folder, "live_swap.py", "live.identity", "camera.mp4", "30", "live.mp4").splitlines()
    swapped, shown = map(int, re.fullmatch(r"(\d+) of (\d+) frames with a new face -> live.mp4", said[0]).groups())  # type: ignore[union-attr]
    assert 1 <= swapped == shown <= 20 and "camera to film p50" in said[1]
    assert read_film_label(folder / "live.mp4") == (SOURCE_TYPES["swap"], "XMP")


def test_generate(folder: Path):
    write_generator_pack(folder / "people" / "nano")
    said = _run(folder, "generate.py", "7", "faces", packs="people")
    assert said.startswith("asked for {") and said.endswith(": 5 faces -> faces\n")
    assert read_label(folder / "faces" / "4.png") == SOURCE_TYPES["generate"]


def test_analyze(folder: Path):
    lines = _run(folder, "analyze.py", "party.png").splitlines()
    assert lines[1] == "face 1: centre (272, 144), 96 px wide, yaw +5 degrees"
    assert lines[2] == "face 1 and face 0 are alike by 1.00"


def test_every_example_is_tested():
    tested = Path(__file__).read_text()
    assert [file.name for file in EXAMPLES.glob("*.py") if f'"{file.name}"' not in tested] == []
