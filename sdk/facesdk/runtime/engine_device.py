"""The GPU of this machine as NVIDIA's driver describes it, without any runtime."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import lru_cache

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
# CUdevice_attribute, cuda.h.
MAJOR, MINOR = 75, 76


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: the maker's name for it.
        sm: its compute capability, such as "sm89".
        memory_bytes: all of its memory.
        driver: the newest CUDA that its driver runs, such as "13.0", or "".
    """

    name: str
    sm: str
    memory_bytes: int
    driver: str = ""


@lru_cache(maxsize=1)
def read_gpu() -> Gpu | str:
    """The first GPU, or why there is none.

    Source: CUDA driver API, docs.nvidia.com/cuda/cuda-driver-api, "Device Management" and "Version Management".
    """
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return f"no NVIDIA driver ({DRIVER} was not found)"
    status = driver.cuInit(0)
    if status != 0:
        return f"NVIDIA's driver does not start (cuInit gave {status})"
    device, count = ctypes.c_int(), ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        return "NVIDIA's driver sees no GPU"
    name, total = ctypes.create_string_buffer(128), ctypes.c_size_t()
    major, minor, newest = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    calls = (
        driver.cuDeviceGet(ctypes.byref(device), 0),
        driver.cuDeviceGetName(name, len(name), device),
        driver.cuDeviceTotalMem_v2(ctypes.byref(total), device),
        driver.cuDeviceGetAttribute(ctypes.byref(major), MAJOR, device),
        driver.cuDeviceGetAttribute(ctypes.byref(minor), MINOR, device),
        driver.cuDriverGetVersion(ctypes.byref(newest)),
    )
    if any(calls):
        return f"NVIDIA's driver does not describe its GPU (it gave {', '.join(map(str, calls))})"
    cuda = f"{newest.value // 1000}.{newest.value % 1000 // 10}"
    return Gpu(name.value.decode("utf-8", "replace"), f"sm{major.value}{minor.value}", total.value, cuda)
