"""A build in a process of its own: a cap on its memory, a limit on its time, and nothing left when it ends early."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from export.engine.to_engine import BuiltEngine, EngineLimits, EngineRequest, EngineTarget, Progress
from facesdk.errors import BackendError

GRAPH, REQUEST, ENGINE, RESULT = "graph.onnx", "request.json", "engine", "result.json"
# Marks the child's own lines among what libraries print.
MARK = "@engine "
PERIOD_SECONDS = 0.05
ROOT = Path(__file__).resolve().parents[2]


def build_apart(
    model: bytes, request: EngineRequest, target: EngineTarget, limits: EngineLimits, on_progress: Progress
) -> BuiltEngine:
    """Runs `target.build` in another process.

    Args:
        model: ONNX bytes.
        request, target: as for `target.build`.
        limits: over them the process is killed.
        on_progress: called from another thread as the build goes on.

    Raises:
        BackendError: the build failed, died or went over a limit; its temporary folder is gone.
    """
    with tempfile.TemporaryDirectory(prefix="facesdk-engine-") as name:
        folder = Path(name)
        (folder / GRAPH).write_bytes(model)
        (folder / REQUEST).write_text(json.dumps(asdict(request)))
        return run_child(
            [sys.executable, "-m", "export.engine.process", target.name, name],
            folder,
            request.name,
            limits,
            on_progress,
        )


def run_child(command: list[str], folder: Path, name: str, limits: EngineLimits, on_progress: Progress) -> BuiltEngine:
    """Runs a command that leaves ENGINE and RESULT in a folder.

    Args:
        command: of the child.
        folder: where it works.
        name: how errors call the graph.
        limits: over them it is killed.
        on_progress: gets what it reports.

    Raises:
        BackendError: it failed, died or went over a limit.
    """
    paths = [str(ROOT), str(ROOT / "sdk"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with open(folder / "errors", "wb") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    assert child.stdout is not None
    reader = threading.Thread(target=_relay, args=(child.stdout, on_progress), daemon=True)
    reader.start()
    try:
        peak = _watch(child, name, limits)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        reader.join()
        child.stdout.close()
    result = _read_result(folder)
    if child.returncode != 0 or "error" in result:
        lines = (folder / "errors").read_text(errors="replace").strip().splitlines()
        reason = result.get("error") or (lines[-1] if lines else f"it ended with code {child.returncode}")
        raise BackendError(f"{name}: the engine was not built: {reason}", str(result.get("cure", "")))
    return BuiltEngine(data=(folder / ENGINE).read_bytes(), peak_bytes=peak, **result)


def resident_bytes(pid: int) -> int:
    """Memory that a process holds now; 0 once it is gone, and where the system does not tell (not Linux)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _watch(child: subprocess.Popen[str], name: str, limits: EngineLimits) -> int:
    """Waits for the child; the most memory that it was seen with."""
    end, peak = time.monotonic() + limits.seconds, 0
    while child.poll() is None:
        peak = max(peak, resident_bytes(child.pid))
        if peak > limits.memory_bytes:
            raise BackendError(
                f"{name}: the build took {peak / 1e9:.2f} GB, at most {limits.memory_bytes / 1e9:.2f} GB may be. "
                "It was ended, and nothing was written.",
                "Give it more (--memory-gb), or build for a smaller batch (--max-batch).",
            )
        if time.monotonic() > end:
            raise BackendError(
                f"{name}: the build took longer than {limits.seconds:g} s. It was ended, and nothing was written.",
                "Give it longer: --seconds.",
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PERIOD_SECONDS)
    return peak


def _relay(stream: IO[str], on_progress: Progress) -> None:
    for line in stream:
        if line.startswith(MARK):
            phase, step, steps = json.loads(line.removeprefix(MARK))
            on_progress(phase, step, steps)


def _read_result(folder: Path) -> dict[str, object]:
    try:
        result = json.loads((folder / RESULT).read_text())
    except (OSError, ValueError):
        return {}
    return dict(result)


def _child(target_name: str, folder: Path) -> None:
    """What the other process does."""
    from export.engine.to_engine import find_target

    def report(phase: str, step: int, steps: int) -> None:
        print(MARK + json.dumps([phase, step, steps]), flush=True)

    document = json.loads((folder / REQUEST).read_text())
    request = EngineRequest(
        name=document["name"],
        gpus=tuple(document["gpus"]),
        shapes={name: tuple(shape) for name, shape in document["shapes"].items()},
        profile={axis: (sizes[0], sizes[1], sizes[2]) for axis, sizes in document["profile"].items()},
    )
    try:
        built = find_target(target_name).build((folder / GRAPH).read_bytes(), request, report)
    except BackendError as error:
        (folder / RESULT).write_text(json.dumps({"error": str(error).splitlines()[0], "cure": error.cure}))
        return
    (folder / ENGINE).write_bytes(built.data)
    figures = {key: value for key, value in asdict(built).items() if key not in ("data", "peak_bytes")}
    (folder / RESULT).write_text(json.dumps(figures))


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
