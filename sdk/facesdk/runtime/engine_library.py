"""TensorRT for RTX: its bindings, and the libraries that the wheel of ONNX Runtime's plugin brings."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from facesdk.errors import BackendError

RUNTIME = "tensorrt-rtx"
BINDINGS = "tensorrt_rtx_bindings"
BINDINGS_WHEEL = "tensorrt-rtx-cu13-bindings"
LIBRARIES = "onnxruntime_ep_nv_tensorrt_rtx"
# The parser needs the library before it.
STEMS = ("libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so")
CUDA_STEM = "libcudart.so"
INSTALL = "pip install facesdk[rtx]"

_log = logging.getLogger("facesdk.runtime")


def rtx_version() -> str | None:
    """The version of the bindings that are installed, without loading them; None if something is missing."""
    if importlib.util.find_spec(BINDINGS) is None or importlib.util.find_spec(LIBRARIES) is None:
        return None
    try:
        return importlib.metadata.version(BINDINGS_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def import_rtx() -> Any:
    """Loads TensorRT for RTX; neither a GPU nor a driver is needed for that.

    Returns:
        The module of the bindings.

    Raises:
        BackendError: it is not installed, it does not load, or bindings and libraries are of two versions.
    """
    if rtx_version() is None:
        raise BackendError("TensorRT for RTX is not installed.", INSTALL)
    files = [find_library(stem) for stem in STEMS]
    try:
        for file in files:
            # The bindings look for their symbols among those of the process.
            ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
        module = importlib.import_module(BINDINGS)
    except (ImportError, OSError) as error:
        raise BackendError(f"TensorRT for RTX cannot be loaded ({error}).", INSTALL) from error
    bundled, version = files[0].name.removeprefix(f"{STEMS[0]}."), str(module.__version__)
    if not f"{version}.".startswith(f"{bundled}."):
        raise BackendError(
            f"TensorRT for RTX is of two versions: bindings {version}, library {bundled}.",
            f"Install both as facesdk pins them: {INSTALL}",
        )
    return module


def find_library(stem: str) -> Path:
    """A library that the plugin's wheel brings.

    Args:
        stem: the file's name up to its version, such as "libcudart.so".

    Raises:
        BackendError: the wheel is not installed, or is one without it (it was tried on Linux only).
    """
    spec = importlib.util.find_spec(LIBRARIES)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    found = sorted(file for folder in folders for file in folder.glob(f"{stem}.*"))
    if not found:
        raise BackendError(f"TensorRT for RTX: no {stem} was found in the package {LIBRARIES}.", INSTALL)
    return found[-1]


def make_logger(module: Any, lines: list[str] | None = None) -> Any:
    """A logger of TensorRT's kind: errors and warnings go to Python's log, all lines into a list if one is given.

    Args:
        module: from `import_rtx`.
        lines: takes every line that is no error.
    """

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity.name in ("ERROR", "INTERNAL_ERROR"):
                self.errors.append(message)
            elif lines is not None:
                lines.append(message)
            if severity.name == "WARNING":
                _log.info("TensorRT: %s", message)

    return Logger()
