"""The usual faults, each in a machine made up for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facesdk import doctor
from facesdk.doctor import examine
from facesdk.pack import Pack
from facesdk.runtime.cuda_session import PROVIDER
from facesdk.runtime.diagnosis import Surroundings, find_faults, look_around
from facesdk.runtime.engine_device import Gpu
from facesdk.settings import Settings

ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0")
CPU = "CPUExecutionProvider"
PLAIN = Surroundings({"onnxruntime": "1.31.1"}, (CPU,), "no NVIDIA driver", False, None)
CUDA = Surroundings({"onnxruntime-gpu": "1.31.1"}, (PROVIDER, CPU), ADA, True, None)


def test_good_machines_have_no_fault() -> None:
    rtx = replace(PLAIN, wheels={**PLAIN.wheels, "tensorrt-rtx-cu13-bindings": "1.7.1.116"}, gpu=ADA)
    bare = Surroundings({}, None, "no NVIDIA driver", False, None)
    for good in (PLAIN, CUDA, rtx, bare, replace(CUDA, tensorrt="11.4.0.106")):
        assert find_faults(good) == ()


@pytest.mark.parametrize(
    ("here", "what", "cure"),
    [
        (replace(CUDA, wheels={"onnxruntime": "1", "onnxruntime-gpu": "1"}), "both installed", "pip uninstall"),
        (replace(PLAIN, providers=None), "cannot be imported", "pip uninstall"),
        (replace(CUDA, providers=(CPU,)), "no CUDAExecutionProvider: everything would run on the CPU", "facesdk[cuda]"),
        (replace(CUDA, has_cudnn=False), "cuDNN 9", "facesdk[cuda]"),
        (replace(CUDA, gpu=replace(ADA, driver="12.8")), "up to 12.8, onnxruntime-gpu 1.31.1 needs 13", "580"),
        (replace(CUDA, tensorrt="8.6.1"), "TensorRT 8.6.1 is installed, 10.13 to 11.x expected", "TensorRT"),
    ],
)  # fmt: skip
def test_a_fault_has_its_cure(here: Surroundings, what: str, cure: str) -> None:
    (fault,) = find_faults(here)
    assert what in fault.what and cure in fault.cure and fault.severe


@pytest.mark.parametrize(
    ("here", "what"),
    [
        (replace(CUDA, gpu="no NVIDIA driver"), "but no NVIDIA driver: everything runs on the CPU"),
        (replace(PLAIN, gpu=ADA), "There is a GPU (RTX 4060 Ti), and nothing is installed that runs on it"),
    ],
)
def test_what_is_only_slow_is_a_note(here: Surroundings, what: str) -> None:
    (note,) = find_faults(here)
    assert what in note.what and note.cure and not note.severe


def test_several_come_together_the_worst_first() -> None:
    found = find_faults(replace(CUDA, has_cudnn=False, tensorrt="9.0", wheels={"onnxruntime-gpu": "1"}))
    assert len(found) == 2 and [fault.severe for fault in found] == [True, True]


def test_the_doctor_tells_them(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(doctor, "look_around", lambda: replace(CUDA, has_cudnn=False))
    report = examine([tiny_pack], Settings(vram_limit_bytes=6_000_000_000))
    text = report.text()
    assert not report.ok and "FAULT    cuDNN 9" in text and "pip install facesdk[cuda]" in text
    assert "gpu        RTX 4060 Ti (sm89, 17.2 GB) · driver for CUDA 13.0 · of it 6.0 GB granted" in text
    assert f"providers  {PROVIDER}, {CPU}" in text and "tensorrt   TensorRT is not installed" in text
    monkeypatch.setattr(doctor, "look_around", lambda: replace(PLAIN, gpu=ADA))
    report = examine([tiny_pack], Settings())
    assert report.ok and "note     There is a GPU" in report.text()


def test_the_doctor_says_why_a_graph_runs_where_it_does(tiny_pack: Pack) -> None:
    pytest.importorskip("onnxruntime")
    text = examine([tiny_pack], Settings()).text()
    assert "for every graph: the first one that is installed" in text
    assert (
        "auto     onnxruntime for every graph: asked for: onnxruntime"
        in examine([tiny_pack], Settings(backend="onnxruntime")).text()
    )
    text = examine([tiny_pack], Settings(backend="fastest")).text()
    assert "auto     fastest for every graph: FACESDK_BACKEND=fastest; it is measured when" in text


def test_this_machine_is_looked_at() -> None:
    here = look_around()
    assert here.providers is None or CPU in here.providers
    assert all(fault.cure for fault in find_faults(here))
