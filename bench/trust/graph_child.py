"""The process that tries hostile graphs: as `facesdk.runtime.trial_child`, but in a fork each, with the imports done.

Reads graphs from standard input, each behind its length (8 bytes, little endian), and writes a line of JSON for each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator

from bench.trust.hostile_graphs import SPEC
from facesdk.errors import FacesdkError
from facesdk.runtime.onnx_session import import_onnxruntime
from facesdk.runtime.trial_child import limit_process, run_once

MEMORY_BYTES, CPU_SECONDS = 2 << 30, 8


def try_in_fork(data: bytes) -> str:
    """ "ran", "refused", or what killed the process that tried it."""
    child = os.fork()
    if child == 0:
        # Runtimes print what they think of a graph.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        code = 2
        try:
            limit_process(MEMORY_BYTES, CPU_SECONDS)
            run_once("hostile.graph", SPEC, data, "onnxruntime")
            code = 0
        except (FacesdkError, MemoryError):
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return {0: "ran", 1: "refused"}.get(os.WEXITSTATUS(status), "another exception")


def _graphs() -> Iterator[bytes]:
    stream = sys.stdin.buffer
    while head := stream.read(8):
        yield stream.read(int.from_bytes(head, "little"))


def main() -> None:
    """Tries graphs until there is no more."""
    import_onnxruntime()
    for data in _graphs():
        start = time.perf_counter()
        outcome = try_in_fork(data)
        print(json.dumps([outcome, time.perf_counter() - start, 0.0]), flush=True)


if __name__ == "__main__":
    main()
