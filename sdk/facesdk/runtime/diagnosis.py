"""The usual faults of an installation, each with its cure: what collides, is missing, or silently runs slowly."""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from facesdk.errors import BackendError
from facesdk.runtime.cuda_session import PROVIDER
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.engine_library import BINDINGS_WHEEL
from facesdk.runtime.engine_library import INSTALL as INSTALL_RTX
from facesdk.runtime.onnx_session import import_onnxruntime
from facesdk.runtime.tensorrt_library import WHEELS as TENSORRT_WHEELS
from facesdk.runtime.tensorrt_library import tensorrt_version, version_fault

PLAIN, CUDA = "onnxruntime", "onnxruntime-gpu"
CUDNN_WHEELS = ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12")
CUDNN = "cudnn64_9.dll" if sys.platform == "win32" else "libcudnn.so.9"
WHEELS = (PLAIN, CUDA, BINDINGS_WHEEL, *TENSORRT_WHEELS, *CUDNN_WHEELS)
CUDA_MAJOR = 13
"""What the wheels of onnxruntime-gpu from 1.30 on are built for."""


@dataclass(frozen=True)
class Surroundings:
    """What this machine has, as far as faults are found from it.

    Attributes:
        wheels: version of each package of WHEELS that is installed.
        providers: of the onnxruntime that is imported; None if none can be.
        gpu: from `read_gpu`.
        has_cudnn: whether the library is found, by its package or by the loader.
        tensorrt: from `tensorrt_version`.
    """

    wheels: Mapping[str, str]
    providers: tuple[str, ...] | None
    gpu: Gpu | str
    has_cudnn: bool
    tensorrt: str | None


@dataclass(frozen=True)
class Fault:
    """Something that is wrong.

    Attributes:
        what: in one sentence.
        cure: what to do.
        severe: whether something that was installed does not work; else it only runs more slowly than it could.
    """

    what: str
    cure: str
    severe: bool = True


def look_around() -> Surroundings:
    """This machine. Imports onnxruntime if it is there."""
    wheels = {}
    for wheel in WHEELS:
        with suppress(importlib.metadata.PackageNotFoundError):
            wheels[wheel] = importlib.metadata.version(wheel)
    providers: tuple[str, ...] | None = None
    if PLAIN in wheels or CUDA in wheels:
        with suppress(BackendError):
            providers = tuple(import_onnxruntime().get_available_providers())
    has_cudnn = any(wheel in wheels for wheel in CUDNN_WHEELS) or _loads(CUDNN)
    return Surroundings(wheels, providers, read_gpu(), has_cudnn, tensorrt_version())


def find_faults(here: Surroundings) -> tuple[Fault, ...]:
    """Every fault that can be seen from outside, the worst first."""
    faults = [*_collisions(here), *_cuda(here), *_tensorrt(here)]
    return tuple(sorted(faults, key=lambda fault: not fault.severe))


def _collisions(here: Surroundings) -> list[Fault]:
    installed = [wheel for wheel in (PLAIN, CUDA) if wheel in here.wheels]
    if len(installed) == 2:
        return [
            Fault(
                f"{PLAIN} and {CUDA} are both installed, and overwrite each other's files.",
                f"pip uninstall {PLAIN} {CUDA}, then pip install facesdk[cuda] for the GPU, or facesdk[cpu].",
            )
        ]
    if installed and here.providers is None:
        return [
            Fault(
                f"{installed[0]} is installed and cannot be imported, or only in part.",
                f"pip uninstall {PLAIN} {CUDA}, then install the one extra that you want again.",
            )
        ]
    return []


def _cuda(here: Surroundings) -> list[Fault]:
    if CUDA not in here.wheels or here.providers is None:
        return []
    if isinstance(here.gpu, str):
        return [
            Fault(
                f"{CUDA} is installed, but {here.gpu}: everything runs on the CPU.",
                "Install NVIDIA's driver, or pip uninstall onnxruntime-gpu and pip install facesdk[cpu].",
                severe=False,
            )
        ]
    out = []
    if PROVIDER not in here.providers:
        out.append(
            Fault(
                f"{CUDA} is installed, but what is imported has no {PROVIDER}: everything would run on the CPU.",
                f"pip uninstall {PLAIN} {CUDA}, then pip install facesdk[cuda].",
            )
        )
    if not here.has_cudnn:
        out.append(Fault(f"cuDNN 9 ({CUDNN}) is missing, which {CUDA} needs.", "pip install facesdk[cuda]"))
    if here.gpu.driver and int(here.gpu.driver.split(".")[0]) < CUDA_MAJOR:
        out.append(
            Fault(
                f"NVIDIA's driver runs CUDA up to {here.gpu.driver}, {CUDA} {here.wheels[CUDA]} needs {CUDA_MAJOR}.",
                "Update the driver to version 580 or newer.",
            )
        )
    return out


def _tensorrt(here: Surroundings) -> list[Fault]:
    out = []
    if here.tensorrt is not None and version_fault(here.tensorrt):
        out.append(Fault(f"{version_fault(here.tensorrt)}.", "Engines of TensorRT are not run until then."))
    for_gpu = (CUDA, BINDINGS_WHEEL, *TENSORRT_WHEELS)
    if isinstance(here.gpu, Gpu) and not any(wheel in here.wheels for wheel in for_gpu):
        out.append(
            Fault(
                f"There is a GPU ({here.gpu.name}), and nothing is installed that runs on it.",
                f"{INSTALL_RTX} for a pack with engines for {here.gpu.sm}, or facesdk[cuda] in a new environment.",
                severe=False,
            )
        )
    return out


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
