"""An engine runs where it was built for; everywhere else it is left aside with a reason, and the graph runs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from facesdk.doctor import examine
from facesdk.errors import BackendError
from facesdk.pack import Pack
from facesdk.pack.writer import PackContent, write_pack
from facesdk.runtime import engine_choice, select
from facesdk.runtime.engine_choice import choose_engine, engine_here
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.settings import Settings
from tests.facesdk.tiny_engine import tiny_engine, with_engine
from tests.facesdk.tiny_pack import tiny_convolution

VERSION = "1.7.1.116"
ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30)
TURING = Gpu("RTX 2060", "sm75", 6 << 30)


@pytest.fixture
def pack(tiny_content: PackContent, tmp_path: Path) -> Pack:
    return write_pack(tmp_path / "engines", with_engine(tiny_content))


def use_machine(monkeypatch: pytest.MonkeyPatch, gpu: Gpu | str, version: str | None) -> None:
    monkeypatch.setattr(engine_choice, "read_gpu", lambda: gpu)
    monkeypatch.setattr(engine_choice, "rtx_version", lambda: version)


@pytest.mark.parametrize(
    ("gpu", "version", "reason"),
    [
        (TURING, VERSION, "built for sm86, sm89, this GPU is sm75 (RTX 2060)"),
        (ADA, "1.8.0.1", "built by tensorrt-rtx 1.7.1.116, this machine has 1.8.0.1"),
        (ADA, None, "TensorRT for RTX is not installed (pip install facesdk[rtx])"),
        ("no NVIDIA driver", VERSION, "no NVIDIA driver"),
    ],
)
def test_the_reason_says_got_and_expected(gpu: Gpu | str, version: str | None, reason: str) -> None:
    assert choose_engine([tiny_engine()], gpu, version) == reason


def test_the_one_that_fits_is_taken_among_several() -> None:
    right = tiny_engine()
    others = [tiny_engine(gpus=("sm120",)), tiny_engine(version="1.6.0.0"), tiny_engine(runtime="tensorrt")]
    assert choose_engine([*others, right], ADA, VERSION) is right
    text = choose_engine(others, ADA, VERSION)
    assert isinstance(text, str) and text.count(";") == 2 and "only engines of tensorrt-rtx are run" in text
    assert choose_engine([], ADA, VERSION) == "the pack has no engine of this graph"


def test_an_engine_of_an_unsigned_pack_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, ADA, VERSION)
    assert engine_here([tiny_engine()]) == tiny_engine()
    assert "not signed" in str(engine_here([tiny_engine()], signed=False))


@pytest.mark.parametrize(("gpu", "version"), [(TURING, VERSION), (ADA, "1.8.0.1"), ("no GPU", VERSION)])
def test_an_engine_that_does_not_fit_is_logged_and_the_graph_runs(
    pack: Pack, gpu: Gpu | str, version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("onnxruntime")
    use_machine(monkeypatch, gpu, version)
    with caplog.at_level(logging.WARNING, "facesdk.runtime"):
        session = select.open_session(pack, "faces", "edges", threads=1)
    assert session.backend != "tensorrt-rtx"
    assert any("its engine is not used, the ONNX graph runs" in record.message for record in caplog.records)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 16)).astype(np.float32)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=0.05)


def test_a_pack_without_engines_logs_nothing(tiny_pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "facesdk.runtime"):
        select.open_session(tiny_pack, "faces", "edges", threads=1)
    assert not caplog.records


def test_the_rule_takes_the_engine_first_and_only_unasked(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, ADA, VERSION)
    spec = pack.graphs["faces.edges"]
    assert select.resolve_backend("auto", spec, Settings()) == "tensorrt-rtx"
    assert select.resolve_backend("onnxruntime", spec, Settings()) == "onnxruntime"
    assert select.resolve_backend("auto", spec, Settings(backend="onnxruntime")) == "onnxruntime"
    assert select.resolve_backend("auto", spec, Settings(), signed=False) != "tensorrt-rtx"
    use_machine(monkeypatch, TURING, VERSION)
    with pytest.raises(BackendError, match=r"'tensorrt-rtx' was asked for: built for sm86, sm89(.|\n)*export engine"):
        select.resolve_backend("tensorrt-rtx", spec, Settings())


def test_doctor_says_what_becomes_of_engines(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    use_machine(monkeypatch, TURING, VERSION)
    report = examine([pack], Settings())
    assert report.ok
    text = report.text()
    assert "engines    TensorRT for RTX 1.7.1.116 · RTX 2060 (sm75, 6.4 GB)" in text
    assert "0 of 1 engines run here; the other graphs run as ONNX: built for sm86, sm89" in text


def test_this_machine_is_described_or_says_why_not() -> None:
    gpu = read_gpu()
    assert gpu.startswith(("no NVIDIA", "NVIDIA's driver")) if isinstance(gpu, str) else gpu.sm.startswith("sm")
