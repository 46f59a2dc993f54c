"""TensorRT: its Python package, which version that is, and the CUDA runtime that goes with it."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from facesdk.errors import BackendError

RUNTIME = "tensorrt"
MODULE = "tensorrt"
WHEELS = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12")
OLDEST, NEWEST_MAJOR = (10, 13), 11
"""From 10.13 on strongly typed networks are all that is needed here; 12 may do otherwise."""
INSTALL = "pip install facesdk[tensorrt]"
CUDA_MAJORS = (13, 12)


def tensorrt_version() -> str | None:
    """The version that is installed, without loading it; None if there is none."""
    if importlib.util.find_spec(MODULE) is None:
        return None
    for wheel in WHEELS:
        try:
            return importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def version_fault(version: str | None) -> str:
    """Why this TensorRT cannot be used, or "".

    Args:
        version: from `tensorrt_version`.
    """
    if version is None:
        return f"TensorRT is not installed ({INSTALL})"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < OLDEST or numbers[0] > NEWEST_MAJOR:
        return f"TensorRT {version} is installed, {OLDEST[0]}.{OLDEST[1]} to {NEWEST_MAJOR}.x expected ({INSTALL})"
    return ""


@lru_cache(maxsize=1)
def import_tensorrt() -> Any:
    """Loads TensorRT.

    Raises:
        BackendError: it is not installed, does not load, or is of another version than this facesdk knows.
    """
    fault = version_fault(tensorrt_version())
    if fault:
        raise BackendError(f"{fault}.", "facesdk doctor")
    try:
        module = importlib.import_module(MODULE)
    except (ImportError, OSError) as error:
        raise BackendError(f"TensorRT cannot be loaded ({error}).", INSTALL) from error
    return module


def load_cuda_runtime() -> Any:
    """The CUDA runtime that TensorRT's package brings, else that of the system.

    Raises:
        BackendError: there is none.
    """
    for candidate in _candidates():
        try:
            cuda = ctypes.CDLL(candidate)
        except OSError:
            continue
        cuda.cudaGetErrorString.restype = ctypes.c_char_p
        return cuda
    raise BackendError("no CUDA runtime (libcudart) was found.", f"{INSTALL} brings it: nvidia-cuda-runtime.")


def _candidates() -> list[str]:
    names = [f"cudart64_{major}.dll" if sys.platform == "win32" else f"libcudart.so.{major}" for major in CUDA_MAJORS]
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    bundled = [str(file) for folder in folders for name in names for file in sorted(folder.glob(f"*/*/{name}"))]
    return [*bundled, *names]
