"""Every module of facesdk imports in an environment without torch, any runtime, or any exporter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import facesdk

SDK = Path(facesdk.__file__).parents[1]

BLOCKED = (
    "torch",
    "av",
    "onnxruntime",
    "openvino",
    "onnx",
    "onnxscript",
    "tensorrt",
    "diffusers",
    "transformers",
    "numba",
    "c2pa",
    "cryptography",
)

IMPORT_ALL = f"""
import importlib, importlib.abc, pkgutil, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}")
sys.meta_path.insert(0, Block())
import facesdk
# What is compiled is loaded on use, the layer for OpenVINO after it.
compiled = ("facesdk._native", "facesdk._openvino_ext_")
names = [m.name for m in pkgutil.walk_packages(facesdk.__path__, "facesdk.") if not m.name.startswith(compiled)]
for name in names:
    importlib.import_module(name)
print(len(names), *[name for name in facesdk.__all__ if getattr(facesdk, name, None) is None])
"""

IMPORT_ONE = """
import sys, facesdk
facesdk.__version__
print(*sorted({name.split(".")[0] for name in sys.modules} & {"cv2", "numpy", "PIL", "typer", "rich", *sys.argv[1:]}))
"""


def _run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    environment = {"PYTHONPATH": str(SDK), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_module_imports_without_runtimes_and_trainers():
    count, *missing = _run(IMPORT_ALL).split()
    files = [
        file for file in (SDK / "facesdk").rglob("*.py") if file.parent != SDK / "facesdk" or file.stem != "__init__"
    ]
    assert int(count) == len(files) and missing == []


def test_importing_facesdk_loads_nothing_heavy():
    assert _run(IMPORT_ONE, *BLOCKED) == ""


def test_a_name_that_does_not_exist_is_an_attribute_error():
    assert "FaceSwapper" in dir(facesdk)
    try:
        facesdk.FaceSwaper  # noqa: B018
    except AttributeError as error:
        assert "FaceSwaper" in str(error)
    else:
        raise AssertionError("a wrong name was found")
