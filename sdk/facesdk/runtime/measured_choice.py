"""The fastest backend for a graph on this machine: measured once on the pack's probe, and remembered."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from facesdk.errors import BackendError, FacesdkError
from facesdk.pack import Pack
from facesdk.pack.manifest import MANIFEST_FILE
from facesdk.pack.writer import PROBE_INPUT
from facesdk.runtime.agreement import Concrete, difference, probe_of, tolerance
from facesdk.runtime.device import read_cpu
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.session import Array, Session
from facesdk.runtime.state_files import read_state, write_state

FOLDER = "measured"
WHEELS = (
    "facesdk",
    "openvino",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-ep-nv-tensorrt-rtx-cu13",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu13",
)
WARM, LEAST_RUNS, MOST_RUNS, MOST_SECONDS = 2, 5, 50, 0.3
MOST_BYTES = 1 << 20
Open = Callable[[Concrete], Session]

_log = logging.getLogger("facesdk.runtime")


class Measured:
    """What was measured of one pack on this machine: a file that another machine, pack or version does not use.

    Args:
        folder: of the files.
        pack: an open pack.
        threads: threads for one run.
    """

    def __init__(self, folder: Path, pack: Pack, threads: int) -> None:
        self._pack = pack
        self._key = machine_key(pack, threads)
        self._path = folder / f"{self._key[:32]}.json"

    def fastest(self, key: str, candidates: Sequence[Concrete], open_session: Open) -> Concrete:
        """The backend that ran the graph's probe in the shortest time and agreed with the export.

        Args:
            key: "family.graph".
            candidates: backends that could run it here.
            open_session: opens the graph in one of them.

        Raises:
            BackendError: the pack has no probe, or no backend agrees.
        """
        known = self._read().get(key, {})
        if set(known) != set(candidates):
            known = self._measure(key, candidates, open_session)
            self._remember(key, known)
        best = _best(known, candidates)
        if best is None:
            raise BackendError(f"{key}: no backend gives here what the export gave.", "facesdk doctor")
        return best

    def remembered(self, key: str, candidates: Sequence[Concrete]) -> Concrete | None:
        """What `fastest` would give without measuring; None if it would measure first."""
        known = self._read().get(key, {})
        return _best(known, candidates) if set(known) == set(candidates) else None

    def _measure(self, key: str, candidates: Sequence[Concrete], open_session: Open) -> dict[str, float | None]:
        if PROBE_INPUT not in self._pack.manifest.files:
            raise BackendError(
                f"{key}: backend='fastest' needs the pack's probe, and {self._pack.name} has none.",
                "Take backend='auto', or export the pack again.",
            )
        spec = self._pack.graphs[key]
        feeds, wanted = probe_of(key, spec, *self._pack.probe())
        out: dict[str, float | None] = {}
        for backend in candidates:
            try:
                session = open_session(backend)
                off = difference(session.run(feeds), wanted)
                out[backend] = None if off > tolerance(spec, backend, wanted) else time_runs_ms(session, feeds)
                session.close()
            except FacesdkError as error:
                _log.warning("%s: %s was not measured: %s", key, backend, str(error).splitlines()[0])
                out[backend] = None
        told = ", ".join(f"{name} {'off' if ms is None else f'{ms:.3f} ms'}" for name, ms in out.items())
        _log.info("%s: measured on the probe: %s", key, told)
        return out

    def _read(self) -> dict[str, dict[str, float | None]]:
        data = read_state(self._path, MOST_BYTES)
        try:
            document = json.loads(data or b"{}")
            if document.get("key") != self._key:
                return {}
            return {key: _times(times) for key, times in document["graphs"].items()}
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            return {}

    def _remember(self, key: str, times: Mapping[str, float | None]) -> None:
        # Without it the next start measures again, and that is all.
        document = {"key": self._key, "graphs": {**self._read(), key: times}}
        with contextlib.suppress(OSError):
            write_state(self._path, json.dumps(document, indent=1).encode())


def machine_key(pack: Pack, threads: int) -> str:
    """A hash of everything that a measurement depends on: processor, GPU, versions, threads, and the pack's bytes."""
    cpu, gpu = read_cpu(), read_gpu()
    versions = {}
    for wheel in WHEELS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[wheel] = importlib.metadata.version(wheel)
    document = {
        "cpu": asdict(cpu),
        "gpu": asdict(gpu) if isinstance(gpu, Gpu) else None,
        "versions": versions,
        "threads": threads,
        # The manifest has the hash of every other file.
        "pack": hashlib.sha256((pack.path / MANIFEST_FILE).read_bytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def time_runs_ms(session: Session, feeds: Mapping[str, Array]) -> float:
    """The median time of a run, of as many as fit into a third of a second."""
    for _ in range(WARM):
        session.run(feeds)
    durations: list[float] = []
    begin = time.perf_counter()
    while len(durations) < LEAST_RUNS or (len(durations) < MOST_RUNS and time.perf_counter() - begin < MOST_SECONDS):
        start = time.perf_counter()
        session.run(feeds)
        durations.append((time.perf_counter() - start) * 1e3)
    return statistics.median(durations)


def _best(times: Mapping[str, float | None], candidates: Sequence[Concrete]) -> Concrete | None:
    known = [(time, backend) for backend in candidates if (time := times[backend]) is not None]
    return min(known)[1] if known else None


def _times(times: object) -> dict[str, float | None]:
    if not isinstance(times, dict):
        raise TypeError(times)
    for value in times.values():
        if value is not None and not (isinstance(value, float) and 0 < value < 1e9):
            raise ValueError(value)
    return times
