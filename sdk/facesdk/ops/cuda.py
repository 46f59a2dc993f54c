"""The native CUDA module `facesdk._native_cuda`, loaded on first use. It works on addresses in the device's memory."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING

from facesdk.errors import BackendError

if TYPE_CHECKING:
    from types import ModuleType

CURE = "With nvcc installed, run: FACESDK_BUILD_CUDA=1 pip install --force-reinstall --no-deps facesdk"


@lru_cache(maxsize=1)
def _load() -> tuple[ModuleType | None, str]:
    """The module, or None and why it is not usable."""
    try:
        module = importlib.import_module("facesdk._native_cuda")
    except ImportError as error:
        return None, str(error)
    fault = module.fault()
    return (None, fault) if fault else (module, "")


def has_native_cuda() -> bool:
    """Whether the CUDA module was built with this installation and a device is there that it has code for."""
    return _load()[0] is not None


def native_cuda() -> ModuleType:
    """The native CUDA module.

    Raises:
        BackendError: it was not built, or no device can run it.
    """
    module, fault = _load()
    if module is None:
        raise BackendError(f"the CUDA ops are not there: {fault}.", CURE)
    return module
