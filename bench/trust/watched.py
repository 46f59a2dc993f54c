"""Feeds files to a child process and survives it: a child that dies or hangs is counted, and the next one goes on."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

DIED, HUNG = "died", "hung"


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        what: what the child said of it, DIED or HUNG.
        seconds: how long it took.
        peak_mib: the child's greatest resident memory until then.
    """

    what: str
    seconds: float
    peak_mib: float


def watch(module: str, files: Sequence[bytes], most_seconds: float = 10.0) -> list[Outcome]:
    """Gives files to `python -m module`, one after the other.

    Args:
        module: reads files behind their length from standard input and writes a line of JSON for each.
        files: what to give it.
        most_seconds: after so long without an answer it is killed.

    Returns:
        An outcome for each file.
    """
    out: list[Outcome] = []
    while len(out) < len(files):
        child = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            _feed(child, files, out, most_seconds)
        finally:
            child.kill()
            child.communicate()
    return out


def _feed(child: subprocess.Popen[bytes], files: Sequence[bytes], out: list[Outcome], most_seconds: float) -> None:
    assert child.stdin is not None and child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        first = True
        for data in files[len(out) :]:
            try:
                child.stdin.write(len(data).to_bytes(8, "little") + data)
                child.stdin.flush()
            except BrokenPipeError:
                out.append(Outcome(DIED, 0.0, 0.0))
                return
            # The first answer waits for the imports too.
            if not selector.select(most_seconds + (120.0 if first else 0.0)):
                out.append(Outcome(HUNG, most_seconds, 0.0))
                return
            line = child.stdout.readline()
            if not line:
                out.append(Outcome(DIED, 0.0, 0.0))
                return
            what, seconds, peak_mib = json.loads(line)
            out.append(Outcome(what, seconds, peak_mib))
            first = False
