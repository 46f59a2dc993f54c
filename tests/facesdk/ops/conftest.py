"""The native module at every instruction set, and pictures and matrices for what warps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from facesdk.ops.native import has_native, native
from facesdk.settings import LEVELS


@pytest.fixture(scope="session")
def module() -> ModuleType:
    """facesdk._native; missing only where it cannot be built."""
    if not has_native():
        if not any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl")):
            pytest.skip("no C++ compiler here, so the native module cannot be built")
        pytest.fail("facesdk._native was not built: python -m pip install -e .")
    return native()


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, module: ModuleType) -> Iterator[str]:
    """Every level in turn."""
    if request.param not in module.levels():
        pytest.skip(f"this CPU has no {request.param}")
    before = module.level()
    module.set_level(request.param)
    yield request.param
    module.set_level(before)


def turned(scale: float, degrees: float, x: float, y: float, size: int) -> np.ndarray:
    """(2, 3) matrix that takes the picture's point (x, y) to the middle of a square crop."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([linear, (np.array([size / 2, size / 2]) - linear @ [x, y])[:, None]], 1).astype(np.float32)


@pytest.fixture(scope="session", name="turned")
def turned_fixture() -> object:
    """The function `turned`."""
    return turned
