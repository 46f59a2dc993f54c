"""The doctor: right about what works, and about what does not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesdk import doctor
from facesdk.doctor import examine, probe_pack
from facesdk.errors import BackendError
from facesdk.pack import Pack
from facesdk.pack.writer import PackContent, probe_bytes, write_pack
from facesdk.runtime.select import available_backends
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_content, tiny_convolution, tiny_pack

__all__ = ["tiny_content", "tiny_pack"]
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
# The key that signed the tests' packs is kept there.
HOME = os.environ["FACESDK_HOME"]


def test_a_good_pack_agrees_in_every_backend(tiny_pack: Pack) -> None:
    report = examine([tiny_pack], Settings())
    assert report.ok
    (pack,) = report.packs
    assert [p.backend for p in pack.probes] == list(available_backends()) and all(p.ok for p in pack.probes)
    assert all(0 < p.duration_ms < 1000 and 0 <= p.mean_abs <= p.tolerance for p in pack.probes)
    text = report.text()
    for part in (
        "tiny 0.1.0 · Apache-2.0 · 4 files match",
        "agrees",
        "faces.edges",
        "onnxruntime",
        "<- auto",
        "everything",
    ):
        assert part in text


def test_other_results_differ(tiny_content: PackContent, tmp_path: Path) -> None:
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, 8, 12)).astype(np.float32)
    wrong = {
        **tiny_content.files,
        "probe/expected.npz": probe_bytes({"faces.edges.edges": tiny_convolution(image) * 1.1}),
    }
    report = examine([write_pack(tmp_path / "off", replace(tiny_content, files=wrong))], Settings())
    assert not report.ok and not any(p.ok for p in report.packs[0].probes)
    assert "DIFFERS" in report.text() and "NOT OK" in report.text()


def test_what_no_swap_runs_in_bfloat16_is_not_judged_by_it(tiny_content: PackContent, tmp_path: Path) -> None:
    # The same graph, named as one of those that tell places half a pixel apart.
    graphs = {("faces", name): tiny_content.graphs["faces", "edges"] for name in ("edges", "shape")}
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, 8, 12)).astype(np.float32)
    probe = {
        "probe/input.npz": probe_bytes({f"faces.{name}.image": image for _, name in graphs}),
        "probe/expected.npz": probe_bytes({f"faces.{name}.edges": tiny_convolution(image) for _, name in graphs}),
    }
    content = replace(tiny_content, graphs=graphs, files={**tiny_content.files, **probe})
    probes = probe_pack(write_pack(tmp_path / "shaped", content), ["openvino-f32", "openvino-bf16"])
    assert all(probe.ok for probe in probes)
    assert {(probe.graph, probe.backend) for probe in probes} == {
        ("faces.edges", "openvino-f32"), ("faces.edges", "openvino-bf16"), ("faces.shape", "openvino-f32"),
    }  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_differ(tiny_content: PackContent, tmp_path: Path, value: float) -> None:
    files = {
        **tiny_content.files,
        "probe/input.npz": probe_bytes({"faces.edges.image": np.full((1, 3, 8, 12), value, np.float32)}),
    }
    (result,) = probe_pack(write_pack(tmp_path / "nan", replace(tiny_content, files=files)), ["onnxruntime"])
    assert not result.ok and "not finite" in result.fault


def test_faults_are_in_the_report(tiny_pack: Pack, tiny_content: PackContent, tmp_path: Path) -> None:
    file = tiny_pack.path / "graphs" / "faces.edges.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    report = examine([str(tiny_pack.path), str(tmp_path / "none")], Settings.from_environment({"FACESDK_HOME": HOME}))
    assert not report.ok and [p.ok for p in report.packs] == [False, False]
    assert "sha256 differs" in report.text() and "no such folder" in report.text()


def test_probe_that_lacks_a_tensor(tiny_content: PackContent, tmp_path: Path) -> None:
    files = {**tiny_content.files, "probe/expected.npz": probe_bytes({"faces.edges.other": np.zeros(1, np.float32)})}
    (result,) = probe_pack(write_pack(tmp_path / "lacks", replace(tiny_content, files=files)), ["onnxruntime"])
    assert not result.ok and result.fault == "the probe has no faces.edges.edges"


def test_pack_without_probe(tiny_content: PackContent, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "bare", replace(tiny_content, files={"LICENSE": b"x"}))
    report = examine([pack], Settings())
    assert report.ok and "no probe" in report.text()


def test_no_runtime(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_backends", lambda: ())
    report = examine([tiny_pack], Settings())
    assert not report.ok and "pip install facesdk[cpu]" in report.text()

    def broken() -> tuple[()]:
        raise BackendError("openvino is installed but broken.", "Reinstall")

    monkeypatch.setattr(doctor, "available_backends", broken)
    assert "installed but broken" in examine([tiny_pack], Settings()).text()


def test_packs_come_from_the_search_path(tiny_pack: Pack) -> None:
    report = examine(
        settings=replace(
            Settings.from_environment({"FACESDK_HOME": HOME}), pack_path=(tiny_pack.path.parent, Path("/nowhere"))
        )
    )
    assert "tiny" in [pack.name for pack in report.packs]
    assert "/nowhere  (no such folder)" in report.text()
