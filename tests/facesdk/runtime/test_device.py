"""The CPU as this process sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facesdk.runtime import device


def test_cores_and_flags() -> None:
    cpu = device.read_cpu()
    assert 1 <= cpu.usable_cores <= cpu.logical_cores == len(os.sched_getaffinity(0))
    assert device.default_threads() == cpu.usable_cores
    assert set(cpu.flags) <= set(Path("/proc/cpuinfo").read_text().split())


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.5, 2), (None, 8)])
def test_a_containers_quota_limits_the_threads(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int
) -> None:
    monkeypatch.setattr(device, "_affinity", lambda: list(range(16)))
    monkeypatch.setattr(device, "_physical", lambda logical: len(logical) // 2)
    monkeypatch.setattr(device, "_quota", lambda: quota)
    device.read_cpu.cache_clear()
    try:
        assert device.default_threads() == cores
    finally:
        device.read_cpu.cache_clear()
