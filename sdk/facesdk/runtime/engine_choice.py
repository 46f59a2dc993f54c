"""Which of a graph's engines this machine can run, and why not the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from facesdk.pack import EngineSpec, Pack
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.engine_library import INSTALL, RUNTIME, rtx_version

NO_ENGINE = "the pack has no engine of this graph"

_log = logging.getLogger("facesdk.runtime")


def choose_engine(engines: Sequence[EngineSpec], gpu: Gpu | str, version: str | None) -> EngineSpec | str:
    """The first engine that fits, or the reasons why none does.

    Args:
        engines: of one graph.
        gpu: from `read_gpu`.
        version: from `rtx_version`.
    """
    if not engines:
        return NO_ENGINE
    if isinstance(gpu, str):
        return gpu
    if version is None:
        return f"TensorRT for RTX is not installed ({INSTALL})"
    reasons = []
    for engine in engines:
        if engine.runtime != RUNTIME:
            reasons.append(f"built for {engine.runtime}, and of a pack only engines of {RUNTIME} are run")
        elif engine.version != version:
            reasons.append(f"built by {RUNTIME} {engine.version}, this machine has {version}")
        elif gpu.sm not in engine.gpus:
            reasons.append(f"built for {', '.join(engine.gpus)}, this GPU is {gpu.sm} ({gpu.name})")
        else:
            return engine
    return "; ".join(dict.fromkeys(reasons))


def engine_here(engines: Sequence[EngineSpec], signed: bool = True) -> EngineSpec | str:
    """What `choose_engine` says on this machine.

    Args:
        engines: of one graph.
        signed: whether somebody whom this machine trusts signed the pack.
    """
    if not engines:
        # Nobody is asked for a GPU without need.
        return NO_ENGINE
    if not signed:
        # An ONNX graph can be tried first in a process of its own; this is code for the GPU.
        return "an engine is a program, and the pack is not signed by anyone whom this machine trusts"
    return choose_engine(engines, read_gpu(), rtx_version())


def log_skipped(name: str, engines: Sequence[EngineSpec], reason: str) -> None:
    """Notes that a pack's engine is left aside; a graph without engines is not worth a line."""
    if engines:
        _log.warning("%s: its engine is not used, the ONNX graph runs: %s", name, reason)


def describe_engines(pack: Pack | None = None) -> str:
    """One line for `facesdk doctor`: what runs engines here, or what becomes of a pack's engines.

    Args:
        pack: say it of this one; "" if it has no engine.
    """
    gpu, version = read_gpu(), rtx_version()
    if pack is None:
        where = gpu if isinstance(gpu, str) else f"{gpu.name} ({gpu.sm}, {gpu.memory_bytes / 1e9:.1f} GB)"
        return f"TensorRT for RTX {version or f'not installed ({INSTALL})'} · {where}"
    listed = [spec.engines for spec in pack.graphs.values() if spec.engines]
    if not listed:
        return ""
    choices = [engine_here(engines, pack.signer is not None) for engines in listed]
    reasons = dict.fromkeys(choice for choice in choices if isinstance(choice, str))
    used = sum(not isinstance(choice, str) for choice in choices)
    skipped = f"; the other graphs run as ONNX: {'; '.join(reasons)}" if reasons else ""
    return f"{used} of {len(listed)} engines run here{skipped}"
