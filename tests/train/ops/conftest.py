"""Devices that the ops are tested on: a GPU's cases skip where there is none, unless FACESDK_REQUIRE_GPU is 1."""

from __future__ import annotations

import os

import pytest
import torch

from facesdk.errors import BackendError
from facesdk.ops.cuda import native_cuda
from facesdk.ops.native import native


@pytest.fixture
def gpu() -> str:
    """A CUDA device that the native module runs on."""
    try:
        native_cuda()
        if not torch.cuda.is_available():
            raise BackendError("this torch has no CUDA")
    except BackendError as error:
        if os.environ.get("FACESDK_REQUIRE_GPU") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return "cuda:0"


@pytest.fixture(params=["baseline", "avx2", "avx512", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """The CPU at every instruction set that it has, and CUDA."""
    if request.param == "cuda":
        return str(request.getfixturevalue("gpu"))
    module = native()
    if request.param not in module.levels():
        pytest.skip(f"this CPU has no {request.param}")
    before = module.level()
    module.set_level(request.param)
    request.addfinalizer(lambda: module.set_level(before))
    return "cpu"
