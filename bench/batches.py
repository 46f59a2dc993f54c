"""Eight faces of one picture: through the networks together, against one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.errors import InputError
from facesdk.identity import Identity
from facesdk.ops.blend import paste_all
from facesdk.pack import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.stopwatch import Stopwatch
from facesdk.swapper import FaceSwapper
from facesdk.types import U8, Face

MUST, AIM = 1.5, 3.0
TOGETHER, ONE_BY_ONE, CALLS = "together", "one by one", "a call for each"


@dataclass(frozen=True)
class CrowdBench:
    """What was measured.

    Attributes:
        timings: how the faces went through -> its times, the stages and "total", milliseconds.
        count: faces in the picture.
        worst_level: largest difference of the two pictures, 0 to 255.
        mean_level: mean difference of the pixels that were painted.
        backend: what ran the networks.
        threads: per network, and of OpenCV.
    """

    timings: Mapping[str, Timing]
    count: int
    worst_level: int
    mean_level: float
    backend: str
    threads: int


def measure_crowd(pack: Pack, source: U8, crowd: U8, backend: str, rounds: int, threads: int) -> CrowdBench:
    """Times all that follows the detection, which every way needs once; and the calls of one who swaps face by face.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        crowd: (H, W, 3) uint8 RGB with several faces.
        backend: a backend's name.
        rounds: of each way, in turns.
        threads: per network, and of OpenCV.

    Raises:
        InputError: fewer than two faces are found.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        with FaceSwapper(pack, backend, threads=threads) as swapper:
            identity = Identity.synthetic(source, analyzer=swapper.analyzer)
            found = swapper.analyzer.analyze(crowd, recognise=False, parse=False)
            if len(found) < 2:
                raise InputError(f"a picture with several faces is needed, {len(found)} found.", "Choose another.")
            pipeline = StyleSwapPipeline(
                pack, swapper.analyzer.parser, backend, threads, landmarker=swapper.analyzer.landmarker
            )
            together, apart = [found], [[face] for face in found]
            calls: dict[str, Callable[[], Mapping[str, float]]] = {
                TOGETHER: lambda: _painted(swapper, pipeline, crowd, identity, together)[1],
                ONE_BY_ONE: lambda: _painted(swapper, pipeline, crowd, identity, apart)[1],
                CALLS: lambda: _called(swapper, crowd, identity, len(found)),
            }
            one = _painted(swapper, pipeline, crowd, identity, apart)[0].astype(np.int16)
            gap = np.abs(one - _painted(swapper, pipeline, crowd, identity, together)[0])
            touched = (one != crowd).any(-1)
            timings = time_in_turns(calls, rounds)
            return CrowdBench(
                timings, len(found), int(gap.max()), float(gap[touched].mean()), pipeline.backend, threads
            )
    finally:
        cv2.setNumThreads(before)


def crowd_report(bench: CrowdBench) -> BenchReport:
    """The ratio that the project promises, and of what it is made."""
    together, apart, calls = (bench.timings[name] for name in (TOGETHER, ONE_BY_ONE, CALLS))
    name = f"{bench.count} faces of a picture"
    figures = [
        Figure(f"{name}, together, median", together.median_ms(), "ms", better="lower"),
        Figure("  times faster than one by one", paired_ratio(apart, together), "x", must=MUST, aim=AIM),
    ]
    for stage in together.stages_ms:
        if stage != "total":
            ratio = float(np.median(np.divide(apart.stages_ms[stage], together.stages_ms[stage])))
            figures.append(Figure(f"    {stage}", ratio, "x"))
    figures += [
        Figure("  times faster than a call for each face", paired_ratio(calls, together), "x"),
        Figure("  mean difference from one by one", bench.mean_level, "of 255", better="lower"),
    ]
    return BenchReport(
        f"{name} through {bench.backend}, {bench.threads} threads",
        figures,
        {"crowd": {"faces": bench.count, "backend": bench.backend, "worst_level": bench.worst_level}},
        {"crowd": {name: timing.document() for name, timing in bench.timings.items()}},
    )


def _painted(
    swapper: FaceSwapper, pipeline: StyleSwapPipeline, crowd: U8, identity: Identity, groups: Sequence[list[Face]]
) -> tuple[U8, Mapping[str, float]]:
    """The picture with every face swapped, and milliseconds by stage."""
    watch, start = Stopwatch(), time.perf_counter()
    out = crowd.copy()
    for faces in groups:
        with watch.stage("landmarks"):
            located = swapper.analyzer.landmarker.locate(crowd, faces)
        swaps = pipeline.swap(crowd, [(face, identity) for face in located], watch)
        with watch.stage("paste"):
            paste_all(out, [(swap.crop, swap.mask, swap.matrix) for swap in swaps], pipeline.threads)
    return out, {**watch.timings.as_dict(), "total": (time.perf_counter() - start) * 1e3}


def _called(swapper: FaceSwapper, crowd: U8, identity: Identity, count: int) -> Mapping[str, float]:
    """What it costs to ask for the faces one after the other: each call finds them all again."""
    start = time.perf_counter()
    for number in range(count):
        swapper.swap(crowd, identity, number)
    return {"total": (time.perf_counter() - start) * 1e3}
