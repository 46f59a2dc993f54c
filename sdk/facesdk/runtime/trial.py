"""Tries a graph that nobody vouches for in another process, before this one touches it.

A runtime may crash on a hostile file, ask for all memory, or never come back; none of that can be caught in the
process that loads it. So the graph of an unsigned pack is loaded and run once in a child with limits; only if the
child lives is it loaded here. That protects this program from dying; it does not show that the graph is harmless.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass

from facesdk.errors import PackError
from facesdk.pack.manifest import GraphSpec

CHILD = "facesdk.runtime.trial_child"

_log = logging.getLogger("facesdk.runtime")
_passed: set[str] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class TrialLimits:
    """What a child may use.

    Attributes:
        memory_bytes: address space beyond what the runtime itself takes when it is imported.
        cpu_seconds: processor time.
        wall_seconds: time on the clock, after which it is killed.
    """

    memory_bytes: int = 2 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 60.0


def try_graph(name: str, spec: GraphSpec, data: bytes, backend: str, limits: TrialLimits | None = None) -> None:
    """Loads and runs a graph once in a child process; what passed is not tried again in this process.

    Args:
        name: "family.graph".
        spec: its entry in the manifest.
        data: ONNX bytes, verified.
        backend: what will run it.
        limits: what the child may use.

    Raises:
        PackError: the child died, ran out of time or memory, or the runtime refused the graph.
    """
    chosen = limits or TrialLimits()
    mark = hashlib.sha256(f"{backend} {name} ".encode() + data).hexdigest()
    with _lock:
        if mark in _passed:
            return
    _log.info("%s: of an unsigned pack, tried in another process first", name)
    tensors = [asdict(tensor) for tensor in spec.inputs]
    outputs = [asdict(tensor) for tensor in spec.outputs]
    head = {"name": name, "backend": backend, "limits": asdict(chosen), "inputs": tensors, "outputs": outputs}
    fault = _run_child(json.dumps(head).encode() + b"\n" + data, chosen)
    if fault:
        raise PackError(
            f"{name}: the graph of this unsigned pack failed in its trial: {fault}. Not opened.",
            "Do not use it, unless you made it yourself: then export it again.",
        )
    with _lock:
        _passed.add(mark)


def _run_child(job: bytes, limits: TrialLimits) -> str:
    """What went wrong in the child, or ""."""
    command = [sys.executable, "-m", CHILD]
    try:
        done = subprocess.run(command, input=job, capture_output=True, timeout=limits.wall_seconds)
    except subprocess.TimeoutExpired:
        return f"it did not come back within {limits.wall_seconds:g} s"
    except OSError as error:
        return f"its process could not be started ({error.strerror})"
    if done.returncode == 0 and done.stdout.strip() == b"ok":
        return ""
    if done.returncode < 0:
        number = -done.returncode
        known = number in set(signal.Signals)
        return f"its process died of {signal.Signals(number).name if known else number}"
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else f"its process ended with code {done.returncode}"
