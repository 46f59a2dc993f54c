"""The CUDA sources compile without spilled registers. FACESDK_TEST_CUDA_ARCHS=75,86,120 names the architectures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from facesdk.errors import BackendError
from facesdk.ops import cuda

SOURCE = Path(__file__).parents[3] / "cpp_ext"
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.cu"))
# The oldest has the fewest instructions of its own; all of them take minutes.
ARCHITECTURES = os.environ.get("FACESDK_TEST_CUDA_ARCHS", "75").split(",")
SHARED_BYTES = 48 * 1024


def spills(report: str) -> dict[str, int]:
    """Bytes of spills and stack by kernel, out of what ptxas says."""
    kernels = re.findall(r"Compiling entry function '(\w+)'", report)
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", report)
    return {name: sum(map(int, frame)) for name, frame in zip(kernels, frames, strict=True)}


def test_a_spill_would_be_found() -> None:
    report = (
        "ptxas info    : Compiling entry function 'a' for 'sm_75'\n"
        "    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n"
        "ptxas info    : Compiling entry function 'b' for 'sm_75'\n"
        "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
    )
    assert spills(report) == {"a": 48, "b": 0}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", FILES)
def test_no_kernel_spills(name: str, architecture: str, tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not there")
    command = [nvcc, "-std=c++17", "-O3", f"-I{SOURCE}", f"-arch=sm_{architecture}", "--resource-usage", "-cubin"]
    done = subprocess.run(
        [*command, str(SOURCE / name), "-o", str(tmp_path / "out.cubin")], capture_output=True, text=True, timeout=600
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report
    assert "warning" not in report, report
    found = spills(report)
    assert found and not any(found.values()), found
    shared = [int(value) for value in re.findall(r"(\d+) bytes smem", report)]
    assert all(value <= SHARED_BYTES for value in shared), shared


def test_without_a_device_the_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_load", lambda: (None, "no CUDA-capable device is detected"))
    assert not cuda.has_native_cuda()
    with pytest.raises(BackendError, match=r"no CUDA-capable device(.|\n)*FACESDK_BUILD_CUDA=1"):
        cuda.native_cuda()
