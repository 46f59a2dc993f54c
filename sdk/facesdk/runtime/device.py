"""What the CPU can do, and how much of it this process may use."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Flags of /proc/cpuinfo that decide which kernels a runtime takes.
_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)


@dataclass(frozen=True)
class Cpu:
    """The CPU as this process sees it.

    Attributes:
        name: the maker's name for it.
        machine: architecture, such as "x86_64".
        logical_cores: hardware threads that this process may run on.
        usable_cores: physical cores among them, no more than a container's quota allows; at least 1.
        flags: those instruction sets that matter here; empty where the system does not tell.
    """

    name: str
    machine: str
    logical_cores: int
    usable_cores: int
    flags: tuple[str, ...]


@lru_cache(maxsize=1)
def read_cpu() -> Cpu:
    """Reads the CPU's description from the system (Linux in full, elsewhere what Python knows)."""
    name, flags = _cpuinfo()
    logical = _affinity()
    usable = min(_physical(logical), math.ceil(_quota() or len(logical)))
    return Cpu(name or platform.processor() or "unknown", platform.machine(), len(logical), max(1, usable), flags)


def default_threads() -> int:
    """Threads for one session: every usable core."""
    return read_cpu().usable_cores


def _affinity() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _physical(logical: list[int]) -> int:
    """Cores behind logical CPUs; two hardware threads of one core share its arithmetic, so they count once."""
    siblings = set()
    for cpu in logical:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip())
        except OSError:
            return len(logical)
    return len(siblings)


def _quota() -> float | None:
    """Cores that the control group (version 2, then 1) grants, or None without a limit."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        return quota / int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text()) if quota > 0 else None
    except (OSError, ValueError):
        return None


def _cpuinfo() -> tuple[str, tuple[str, ...]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "", ()
    # The first processor stands for all: mixed cores share their instruction sets.
    fields: dict[str, str] = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    has = set((fields.get("flags") or fields.get("Features") or "").split())
    return fields.get("model name", ""), tuple(flag for flag in _FLAGS if flag in has)
