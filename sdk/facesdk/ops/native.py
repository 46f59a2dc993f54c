"""The native module `facesdk._native`, loaded on first use; without it the NumPy references run."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING

from facesdk.errors import BackendError, InputError
from facesdk.settings import CPU, Settings

if TYPE_CHECKING:
    from types import ModuleType

CURE = "Install a C++17 compiler and run: pip install --force-reinstall --no-deps facesdk"


@lru_cache(maxsize=1)
def _load() -> tuple[ModuleType | None, str]:
    """The module, or None and why it is not there."""
    try:
        module = importlib.import_module("facesdk._native")
    except ImportError as error:
        return None, str(error)
    wanted = Settings.from_environment().cpu
    if wanted is not None and wanted != module.level():
        if wanted not in module.levels():
            raise InputError(
                f"{CPU}={wanted}: this CPU cannot run it, one of {', '.join(module.levels())} expected.",
                f"Correct or unset {CPU}.",
            )
        module.set_level(wanted)
    return module, ""


def has_native() -> bool:
    """Whether the native module was built with this installation."""
    return _load()[0] is not None


def native() -> ModuleType:
    """The native module.

    Raises:
        BackendError: it is not there.
        InputError: FACESDK_CPU names a level that this CPU cannot run.
    """
    module, fault = _load()
    if module is None:
        raise BackendError(f"the native ops are not there: {fault}.", CURE)
    return module


def describe_native() -> str:
    """One line for `facesdk doctor`: which ops run here, and on which instruction set."""
    module, fault = _load()
    if module is None:
        return f"not there, the NumPy references run ({fault})"
    return f"{module.level()} (can run {' '.join(module.levels())})"
