"""backend="fastest": measured once, remembered for this machine and pack, and never of a backend that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facesdk.errors import BackendError, InputError
from facesdk.pack import GraphSpec, Pack
from facesdk.pack.writer import PackContent, write_pack
from facesdk.runtime import measured_choice, select
from facesdk.runtime.agreement import Concrete
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.measured_choice import FOLDER, Measured
from facesdk.runtime.session import Session
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_convolution

KEY = "faces.edges"
BOTH: tuple[Concrete, ...] = ("openvino-f32", "onnxruntime")


class Fake(Session):
    """The tiny convolution, times a factor."""

    def __init__(self, spec: GraphSpec, backend: str, factor: float) -> None:
        super().__init__(KEY, spec, backend, 1)
        self.factor = factor

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        return {"edges": tiny_convolution(feeds["image"]) * np.float32(self.factor)}


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What the clock says of a backend."""
    out = {"openvino-f32": 2.0, "onnxruntime": 1.0}
    monkeypatch.setattr(measured_choice, "time_runs_ms", lambda session, feeds: out[session.backend])
    return out


def choose(
    pack: Pack, folder: Path, factors: dict[str, float] | None = None, threads: int = 1
) -> tuple[str, list[str]]:
    opened: list[str] = []

    def open_fake(backend: Concrete) -> Session:
        opened.append(backend)
        factor = (factors or {}).get(backend, 1.0)
        if factor == 0:
            raise BackendError(f"{backend} is broken")
        return Fake(pack.graphs[KEY], backend, factor)

    return Measured(folder, pack, threads).fastest(KEY, BOTH, open_fake), opened


def test_it_is_measured_once_and_then_remembered(tiny_pack: Pack, tmp_path: Path, times: dict[str, float]) -> None:
    folder = tmp_path / FOLDER
    assert Measured(folder, tiny_pack, 1).remembered(KEY, BOTH) is None and not folder.exists()
    assert choose(tiny_pack, folder) == ("onnxruntime", list(BOTH))
    times["onnxruntime"] = 9.0
    assert choose(tiny_pack, folder) == ("onnxruntime", [])
    assert Measured(folder, tiny_pack, 1).remembered(KEY, BOTH) == "onnxruntime"
    # Other threads, another pack, other candidates: another question.
    assert choose(tiny_pack, folder, threads=2) == ("openvino-f32", list(BOTH))
    assert Measured(folder, tiny_pack, 1).remembered(KEY, ("onnxruntime",)) is None


def test_another_pack_gpu_or_version_is_measured_again(
    tiny_pack: Pack, tiny_content: PackContent, tmp_path: Path, times: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(tiny_pack, tmp_path)
    assert choose(write_pack(tmp_path / "new", replace(tiny_content, version="0.2.0")), tmp_path)[1] == list(BOTH)
    monkeypatch.setattr(measured_choice, "read_gpu", lambda: Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0"))
    assert choose(tiny_pack, tmp_path)[1] == list(BOTH)
    monkeypatch.undo()
    monkeypatch.setattr(measured_choice, "time_runs_ms", lambda session, feeds: times[session.backend])
    monkeypatch.setattr(measured_choice.importlib.metadata, "version", lambda name: "99")
    assert choose(tiny_pack, tmp_path)[1] == list(BOTH)


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"key": 1}', "null", "cut", "nan", "text", "other"])
def test_a_damaged_file_is_measured_again(
    tiny_pack: Pack, tmp_path: Path, times: dict[str, float], damage: str
) -> None:
    choose(tiny_pack, tmp_path)
    (file,) = tmp_path.glob("*.json")
    good = file.read_text()
    document = json.loads(good)
    document["graphs"][KEY]["onnxruntime"] = {"nan": float("nan"), "text": "fast"}.get(damage, 5.0)
    texts = {"cut": good[:-20], "nan": json.dumps(document), "text": json.dumps(document)}
    file.write_text(texts.get(damage, good.replace(document["key"], "0" * 64) if damage == "other" else damage))
    assert choose(tiny_pack, tmp_path) == ("onnxruntime", list(BOTH))
    assert file.read_text() == good


def test_what_is_wrong_or_broken_is_not_taken_however_fast(
    tiny_pack: Pack, tmp_path: Path, times: dict[str, float]
) -> None:
    assert choose(tiny_pack, tmp_path / "a", {"onnxruntime": 1.1})[0] == "openvino-f32"
    assert choose(tiny_pack, tmp_path / "b", {"onnxruntime": 0.0})[0] == "openvino-f32"
    with pytest.raises(BackendError, match="no backend gives here what the export gave"):
        choose(tiny_pack, tmp_path / "c", {"onnxruntime": 0.0, "openvino-f32": 1.1})


def test_a_pack_without_a_probe_is_refused(tiny_content: PackContent, tmp_path: Path, times: dict[str, float]) -> None:
    pack = write_pack(tmp_path / "bare", replace(tiny_content, files={"LICENSE": b"x"}))
    with pytest.raises(BackendError, match=r"needs the pack's probe(.|\n)*backend='auto'"):
        choose(pack, tmp_path)


def test_open_session_measures_what_is_here(tiny_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path))
    monkeypatch.setattr(measured_choice, "MOST_SECONDS", 0.0)
    session = select.open_session(tiny_pack, "faces", "edges", "fastest", threads=1)
    (file,) = (Settings.from_environment().state_folder / FOLDER).iterdir()
    measured = json.loads(file.read_text())["graphs"][KEY]
    assert len(measured) >= 2 and all(0 < time < 1000 for time in measured.values())
    assert session.backend.removesuffix("-cpu") == min(measured, key=measured.get)
    with pytest.raises(InputError, match="it is measured"):
        select.resolve_backend("fastest", tiny_pack.graphs[KEY], Settings())
