"""A film's frames: the faces of several in one batch, against frame after frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

import cv2

from bench.gate import GateError
from bench.live_clip import sway
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.faces.select import Rule
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.pipelines.video import VideoPainter
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

FRAMES, FPS = 24, 25
AT_ONCE = 8
TOGETHER, IN_TURN = "together", "one by one"


@dataclass(frozen=True)
class FilmBench:
    """What was measured.

    Attributes:
        timings: how the frames went through -> its times for FRAMES frames, milliseconds.
        size_hw: of the frames.
        backend: what ran the networks.
        threads: per network, and of OpenCV.
    """

    timings: Mapping[str, Timing]
    size_hw: tuple[int, int]
    backend: str
    threads: int


def measure_film(pack: Pack, source: U8, target: U8, backend: str, rounds: int, threads: int) -> FilmBench:
    """Times all that is done with a decoded frame, until it is painted: following, networks, holding still, pasting.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with one face; it sways.
        backend: a backend's name.
        rounds: of each way, in turns.
        threads: per network, and of OpenCV.

    Raises:
        GateError: nothing is swapped, or a pixel depends on how many frames went together.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    frames = [(image, index / FPS) for index, image in enumerate(islice(sway(target), FRAMES))]
    try:
        with FaceSwapper(pack, backend, threads=threads) as swapper:
            identity = Identity.synthetic(source, analyzer=swapper.analyzer)
            pipeline = swapper._pipeline
            assert pipeline is not None

            def painter() -> VideoPainter:
                return VideoPainter(swapper.analyzer, pipeline, [(identity, Rule("largest"))])

            def grouped(most: int) -> list[U8]:
                film = painter()
                groups = [frames[start : start + most] for start in range(0, FRAMES, most)]
                return [painted.image for group in groups for painted in film.paint_frames(group)]

            def in_turn() -> list[U8]:
                film = painter()
                return [film.paint(*frame).image for frame in frames]

            _check(frames, grouped(1), grouped(AT_ONCE))
            timings = time_in_turns({TOGETHER: _timed(lambda: grouped(AT_ONCE)), IN_TURN: _timed(in_turn)}, rounds, 1)
            return FilmBench(timings, (target.shape[0], target.shape[1]), pipeline.backend, threads)
    finally:
        cv2.setNumThreads(before)


def film_report(bench: FilmBench) -> BenchReport:
    """Frames a second of both ways."""
    together, apart = bench.timings[TOGETHER], bench.timings[IN_TURN]
    height, width = bench.size_hw
    figures = [
        Figure(f"film of {width}x{height}, {AT_ONCE} frames at once", 1e3 * FRAMES / together.median_ms(), "fps"),
        Figure("  frame after frame", 1e3 * FRAMES / apart.median_ms(), "fps"),
        Figure("  times faster at once", paired_ratio(apart, together), "x"),
    ]
    return BenchReport(
        f"film through {bench.backend}, {bench.threads} threads",
        figures,
        {"film": {"frames": FRAMES, "at_once": AT_ONCE, "backend": bench.backend}},
        {"film": {name: timing.document() for name, timing in bench.timings.items()}},
    )


def _check(frames: list[tuple[U8, float]], alone: list[U8], together: list[U8]) -> None:
    if any((one != other).any() for one, other in zip(alone, together, strict=True)):
        raise GateError("No speed is printed: a frame is another one when it is swapped together with others.")
    if not all((image != one).any() for (image, _), one in zip(frames, alone, strict=True)):
        raise GateError("No speed is printed: a frame was not swapped.")


def _timed(call: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        call()
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
