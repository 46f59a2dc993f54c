"""One swap of a 1280x720 picture, analysis included, on every backend of this machine in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.doctor import probe_pack
from facesdk.errors import InputError
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.runtime.select import available_backends
from facesdk.swapper import FaceSwapper

U8 = NDArray[np.uint8]
# What must pass before a time is printed: the sessions, the paste, and the graphs' way from torch to every backend.
GATE = (
    "tests/facesdk/runtime/test_sessions.py",
    "tests/facesdk/ops/test_blend.py",
    "tests/facesdk/pack/test_pack.py",
    "tests/facesdk/pipelines/test_film_batches.py",
)
AIM_MS = 40.0


@dataclass(frozen=True)
class SwapBench:
    """What was measured.

    Attributes:
        timings: backend -> its times, the stages of the swap and "total".
        face_px: height of the swapped face's box.
        size_hw: of the picture.
        threads: per network.
    """

    timings: Mapping[str, Timing]
    face_px: float
    size_hw: tuple[int, int]
    threads: int

    @property
    def slowest(self) -> str:
        """The backend with the largest median."""
        return max(self.timings, key=lambda name: self.timings[name].median_ms())

    @property
    def fastest(self) -> str:
        """The backend with the smallest median."""
        return min(self.timings, key=lambda name: self.timings[name].median_ms())


def check_pack(pack: Pack, backends: tuple[str, ...]) -> None:
    """Runs the pack's probe in the backends that are to be timed.

    Raises:
        GateError: a graph does not run or gives other values than torch gave.
    """
    results = probe_pack(pack, backends)  # type: ignore[arg-type]
    wrong = [
        f"{r.graph} on {r.backend}: {r.fault or f'mean {r.mean_abs:.3g}, at most {r.tolerance:.3g}'}"
        for r in results
        if not r.ok
    ]
    if wrong:
        raise GateError("No speed is printed, since the pack's probe fails:\n  " + "\n  ".join(wrong))


def measure_swap(
    pack: Pack,
    source: U8,
    target: U8,
    backends: tuple[str, ...] | None = None,
    rounds: int = 30,
    threads: int = 2,
) -> SwapBench:
    """Times `FaceSwapper.swap`: picture in memory to picture in memory; the source is enrolled and cached before.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with one face.
        backends: names; None = all that work here.
        rounds: swaps for each backend, in turns.
        threads: per network, and of OpenCV.

    Raises:
        InputError: no backend, or no face.
    """
    chosen = backends if backends is not None else available_backends()
    if not chosen:
        raise InputError("no backend works on this machine.", "pip install facesdk[cpu]")
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    swappers = {name: FaceSwapper(pack, backend=name, threads=threads) for name in chosen}
    try:
        first = next(iter(swappers.values()))
        identity = Identity.synthetic(source, analyzer=first.analyzer)
        found = first.swap(target, identity)
        calls = {name: _call(swapper, target, identity) for name, swapper in swappers.items()}
        timings = time_in_turns(calls, rounds)
    finally:
        cv2.setNumThreads(before)
        for swapper in swappers.values():
            swapper.close()
    face = found.faces[found.swapped[0]]
    return SwapBench(timings, face.height_px, (target.shape[0], target.shape[1]), threads)


def swap_report(bench: SwapBench, pack: Pack, tests: str, rounds: int) -> BenchReport:
    """The figures: the fastest backend's stages, and every backend's total with its ratio to the slowest.

    Args:
        bench: what was measured.
        pack: the pack.
        tests: what the gate said.
        rounds: swaps for each backend.
    """
    best = bench.timings[bench.fastest]
    figures = [
        Figure(f"one swap, {bench.fastest}, median", best.median_ms(), "ms", aim=AIM_MS, better="lower"),
        Figure(f"one swap, {bench.fastest}, p95", best.p95_ms(), "ms", better="lower"),
    ]
    for stage in best.stages_ms:
        if stage != "total":
            figures.append(Figure(f"  {stage}, median", best.median_ms(stage), "ms", better="lower"))
            figures.append(Figure(f"  {stage}, p95", best.p95_ms(stage), "ms", better="lower"))
    slow = bench.timings[bench.slowest]
    for name, timing in bench.timings.items():
        if name != bench.fastest:
            figures.append(Figure(f"one swap, {name}, median", timing.median_ms(), "ms", better="lower"))
        if name != bench.slowest:
            figures.append(Figure(f"{name}, times faster than {bench.slowest}", paired_ratio(slow, timing), "x"))
    height, width = bench.size_hw
    return BenchReport(
        title=f"One swap of a {width}x{height} picture, {bench.threads} threads, warm",
        figures=figures,
        settings={
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "size_hw": [height, width],
            "face_px": round(bench.face_px, 1),
            "threads": bench.threads,
            "rounds": rounds,
            "tests": tests,
        },
        details={name: timing.document() for name, timing in bench.timings.items()},
    )


def _call(swapper: FaceSwapper, target: U8, identity: Identity) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        result = swapper.swap(target, identity)
        total = (time.perf_counter() - start) * 1e3
        return {**result.timings.as_dict(), "total": total}

    return run
