"""The other process of `runtime.trial`: takes a graph from standard input, runs it once, and says "ok" or why not."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

from facesdk.errors import FacesdkError
from facesdk.pack.manifest import GraphSpec, TensorSpec
from facesdk.runtime.onnx_session import OnnxSession, import_onnxruntime
from facesdk.runtime.openvino_session import OpenvinoSession, open_core
from facesdk.runtime.session import Session

FREE_AXIS = {"batch": 1}
"""What a free axis is set to; else FREE_SIDE."""
FREE_SIDE = 64
SEED = 3


def limit_process(memory_bytes: int, cpu_seconds: int) -> None:
    """Takes from this process what a graph has no need of: memory, time, files, and a core dump.

    Args:
        memory_bytes: beyond the address space that is in use now.
        cpu_seconds: beyond what was used until now.
    """
    try:
        import resource
    except ImportError:
        # Windows: the clock of the process that waits is then the only limit.
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory_bytes,) * 2)
    seconds = int(used.ru_utime + used.ru_stime) + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_once(name: str, spec: GraphSpec, data: bytes, backend: str) -> None:
    """Loads a graph and runs it on noise.

    Raises:
        FacesdkError: it cannot be loaded, or not run.
    """
    session: Session
    if backend == "onnxruntime":
        session = OnnxSession(name, spec, data, 1)
    else:
        session = OpenvinoSession(name, spec, data, 1, "bf16" if backend == "openvino-bf16" else "f32")
    rng = np.random.default_rng(SEED)
    feeds = {}
    for tensor in spec.inputs:
        shape = tuple(size if isinstance(size, int) else FREE_AXIS.get(size, FREE_SIDE) for size in tensor.shape)
        feeds[tensor.name] = rng.uniform(0, 1, shape).astype(tensor.dtype)
    session.run(feeds)


def read_job(job: bytes) -> tuple[dict[str, Any], GraphSpec, bytes]:
    """Splits what `runtime.trial` sent into its head, the graph's entry and its bytes."""
    line, _, data = job.partition(b"\n")
    head = json.loads(line)
    inputs, outputs = (
        tuple(TensorSpec(t["name"], t["dtype"], tuple(t["shape"])) for t in head[side])
        for side in ("inputs", "outputs")
    )
    return head, GraphSpec("", "", len(data), "fp32", inputs, outputs), data


def main() -> None:
    """Does the job on standard input."""
    # Runtimes print what they think of a graph; the answer goes where nothing else goes.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    head, spec, data = read_job(sys.stdin.buffer.read())
    try:
        # The runtime is the user's own and is loaded without limits; they are for what the graph makes of it.
        import_onnxruntime() if head["backend"] == "onnxruntime" else open_core()
        limit_process(head["limits"]["memory_bytes"], head["limits"]["cpu_seconds"])
        run_once(head["name"], spec, data, head["backend"])
    except FacesdkError as error:
        print(str(error).splitlines()[0], file=answer, flush=True)
        sys.exit(1)
    except MemoryError:
        print("it ran out of memory", file=answer, flush=True)
        sys.exit(1)
    print("ok", file=answer, flush=True)


def _address_space() -> int:
    """How much address space this process has, in bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            import resource

            return int(stream.read().split()[0]) * resource.getpagesize()
    except OSError:
        # Elsewhere than on Linux: what the runtimes are seen to take there, generously.
        return 4 << 30


if __name__ == "__main__":
    main()
