"""No runtime reports home: seen from a fresh process, as an application would start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facesdk.pack import Pack

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
SDK = Path(__file__).parents[3] / "sdk"

OPEN = """
import logging, os, sys
logging.basicConfig(level=logging.WARNING)
{before}
from facesdk.pack import open_pack
from facesdk.runtime.select import open_session
assert {early} or not {{"onnxruntime", "openvino"}} & set(sys.modules), "a runtime was imported too early"
open_session(open_pack(sys.argv[1]), "faces", "edges", "{backend}", threads=1)
print("variable", os.environ.get("ORT_DISABLE_TELEMETRY"))
print("openvino_telemetry", "openvino_telemetry" in sys.modules)
"""


def run(pack: Pack, home: Path, backend: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Opens a session in a process of its own, with an empty home folder and outside of what looks like a CI."""
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI", "TF_BUILD")}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(SDK)}
    code = OPEN.format(before=before, early=bool(before), backend=backend)
    return subprocess.run(
        [sys.executable, "-c", code, str(pack.path)], env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino-f32"])
def test_nothing_is_reported_and_nothing_written(tiny_pack: Pack, tmp_path: Path, backend: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = run(tiny_pack, home, backend)
    assert done.returncode == 0, done.stderr
    assert ("variable 1" in done.stdout) == (backend == "onnxruntime")
    assert "openvino_telemetry False" in done.stdout
    # Both runtimes keep an identifier of the machine in the home folder when they report.
    assert [str(p) for p in home.rglob("*") if p.is_file()] == []
    assert done.stderr == ""


def test_too_late_is_said(tiny_pack: Pack, tmp_path: Path) -> None:
    before = (
        "import importlib.util as u; from importlib.machinery import ModuleSpec;"
        "sys.modules['onnxruntime'] = u.module_from_spec(ModuleSpec('onnxruntime', None))"
    )
    done = run(tiny_pack, tmp_path / "home", "onnxruntime", before)
    assert "imported before facesdk and without ORT_DISABLE_TELEMETRY=1" in done.stderr
    # The stand-in is what a half-removed onnxruntime looks like.
    assert done.returncode != 0 and "installed but broken" in done.stderr


def test_in_time_is_not_said(tiny_pack: Pack, tmp_path: Path) -> None:
    before = "os.environ['ORT_DISABLE_TELEMETRY'] = '1'; import onnxruntime"
    done = run(tiny_pack, tmp_path / "home", "onnxruntime", before)
    assert done.returncode == 0 and done.stderr == ""
