from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

import bench.__main__ as command
from bench.gate import GateError
from bench.scene import SIZE_HW
from facesdk.errors import InputError, PackError
from facesdk.pack import Pack
from tests.facesdk.fake_pack import picture, write_fake_pack
from tests.facesdk.tiny_generator import write_generator_pack

runner = CliRunner()


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    for name, image in {"s": picture((320, 320), [(4, 4)]), "t": picture(SIZE_HW, [(9, 18)])}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), image[..., ::-1])
    return ["--source", str(tmp_path / "s.png"), "--target", str(tmp_path / "t.png")]


def _run(*arguments: object) -> str:
    result = runner.invoke(command.app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_pipelines_prints_and_writes(
    pack: Pack, pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(command, "require_tests", lambda files: asked.append(files) or "7 passed")
    monkeypatch.setattr(command, "check_pack", lambda *a: asked.append(a))
    out = tmp_path / "out.json"
    options = ["--backend", "onnxruntime", "--rounds", 5, "--threads", 1, "--json", out]
    text = _run("pipelines", "--pack", pack.path, *pictures, *options)
    assert "one swap, onnxruntime, median" in text and "<= 40" in text
    document = json.loads(out.read_text())
    assert document["settings"]["tests"] == "7 passed" and document["settings"]["face_px"] == 96
    assert asked == [command.GATE, (asked[1][0], ("onnxruntime",))]  # type: ignore[index]


def test_a_pack_with_a_generator_is_timed_with_it(
    pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(command, "require_tests", lambda files: asked.append(files) or "7 passed")
    monkeypatch.setattr(command, "check_pack", lambda *a: None)
    people = write_generator_pack(tmp_path / "people")
    out = tmp_path / "out.json"
    options = ["--backend", "onnxruntime", "--rounds", 5, "--threads", 1, "--json", out]
    text = _run("pipelines", "--pack", people.path, *pictures, *options)
    assert "one swap, onnxruntime, median" in text and "one face, onnxruntime" in text and ">= 4" in text
    assert asked == [command.GATE, command.GENERATION_GATE]
    document = json.loads(out.read_text())
    assert document["settings"]["face_px"] == 96 and document["settings"]["generation"]["tests"] == "7 passed"
    assert {"onnxruntime", "generation"} <= set(document["details"])


def test_no_speed_when_the_gate_is_shut(pack: Pack, pictures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(files: object) -> str:
        raise GateError("No speed is printed")

    monkeypatch.setattr(command, "require_tests", shut)
    monkeypatch.setattr(command, "measure_swap", lambda *a: pytest.fail("timed all the same"))
    monkeypatch.setattr("bench.backends.command.measure_backends", lambda *a: pytest.fail("timed all the same"))
    for name in ("pipelines", "backends"):
        with pytest.raises(GateError):
            _run(name, "--pack", pack.path)


def test_wrong_arguments(tmp_path: Path, pack: Pack) -> None:
    with pytest.raises(PackError):
        _run("backends", "--pack", tmp_path / "none")
    with pytest.raises(InputError, match="--heads clay"):
        _run("quality", "style_swap", "--data", tmp_path, "--pack", pack.path, "--heads", "clay")
