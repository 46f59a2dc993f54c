"""The live swap at 1280x720: frames a second, capture-to-display latency, each stage, and whether memory stays flat."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gate import GateError
from bench.live_clip import COUNT, write_sway
from bench.live_memory import LiveMemory, watch_memory
from bench.report import BenchReport, Figure
from facesdk.faces.select import Rule
from facesdk.identity import Identity
from facesdk.media.camera import open_camera, read_camera_name
from facesdk.media.live_sink import LiveSink, NullSink
from facesdk.media.realtime_meter import RealtimeFigures
from facesdk.pack import Pack
from facesdk.pipelines.live import live_threads
from facesdk.pipelines.live_frame import LiveFrame
from facesdk.pipelines.live_overlay import draw_badge
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.pipelines.video import VideoPainter
from facesdk.swapper import FaceSwapper

U8 = NDArray[np.uint8]
GATE = (
    "tests/facesdk/media/test_realtime.py",
    "tests/facesdk/media/test_camera.py",
    "tests/facesdk/pipelines/test_live.py",
)
CAMERAS_FPS = (30, 60)
CHECKED = 30
MOST_LEVELS = 2.5  # of 255, mean over the picture: the pixel mark, and the order of additions in bfloat16
LEAST_CHANGE = 1.0  # of 255, mean over the face's surroundings: less is no other face


@dataclass(frozen=True)
class LiveBench:
    """What was measured.

    Attributes:
        by_camera: a camera's frames a second -> figures of the run with it.
        alone_fps: one thread that does all, over the same film as fast as it can.
        free_fps: the stages on their threads, likewise; nothing dropped.
        memory: of a process along a run of many frames.
        swapped_share: of all frames that were shown.
        size_hw: of the pictures.
        backend: what ran the networks.
        threads: of each network.
    """

    by_camera: Mapping[int, RealtimeFigures]
    alone_fps: float
    free_fps: float
    memory: LiveMemory
    swapped_share: float
    size_hw: tuple[int, int]
    backend: str
    threads: int


@dataclass
class _Watch:
    """Sees each frame on its way to the sink, and whether its number is greater than the last one's."""

    in_order: bool = True
    last: int = -1
    count: int = 0

    def see(self, frame: LiveFrame) -> None:
        self.in_order &= frame.index > self.last
        self.last = frame.index
        self.count += 1


def measure_live(
    pack: Pack,
    source: U8,
    target: U8,
    frames: int = 3000,
    seconds: float = 15.0,
    backend: str = "auto",
    threads: int | None = None,
) -> LiveBench:
    """Runs the live swap over a film that stands in for a camera.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with one face; it sways.
        frames: over which memory is watched, with no clock in the way.
        seconds: length of each run against the clock.
        backend: of the networks.
        threads: of each network; None as `facesdk webcam` chooses.

    Raises:
        GateError: frames come out of order, are not swapped, or are not what the films' swap makes of them.
    """
    chosen = threads or live_threads()
    with tempfile.TemporaryDirectory() as folder, FaceSwapper(pack, backend, threads=chosen) as swapper:
        me = Identity.synthetic(source, analyzer=swapper.analyzer)
        films = {fps: write_sway(Path(folder) / f"{fps}.mp4", target, fps) for fps in CAMERAS_FPS}
        film = films[CAMERAS_FPS[0]]
        alone_fps = check_live(swapper, me, film)
        shown = swapped = 0
        by_camera: dict[int, RealtimeFigures] = {}
        for fps, path in films.items():
            watch = _Watch()
            live = swapper.live(path, me, NullSink(), loop=True)
            live._on_frame = watch.see
            result = live.run(seconds=seconds)
            by_camera[fps] = result.figures
            shown, swapped = shown + watch.count, swapped + result.swapped_count
            _require(watch.in_order and watch.count > 0, f"frames of the {fps} fps camera came out of order")
        known = Path(folder) / "me.identity"
        me.save(known)
        memory = watch_memory(pack.path, known, film, frames, backend, chosen)
        _require(
            memory.in_order and memory.shown == frames, f"of {frames} frames {memory.shown} came, or in another order"
        )
        share = (swapped + memory.swapped) / (shown + memory.shown)
        _require(share > 0.95, f"only {share:.0%} of the frames were swapped")
        return LiveBench(
            by_camera,
            alone_fps,
            _free_fps(swapper, me, film, seconds),
            memory,
            share,
            (target.shape[0], target.shape[1]),
            swapper.backend,
            chosen,
        )


def check_live(swapper: FaceSwapper, me: Identity, film: Path) -> float:
    """Compares the live swap with the films' swap, frame by frame.

    Args:
        swapper: open.
        me: whose face.
        film: one face in each frame.

    Returns:
        Frames a second of the films' swap alone, on one thread.

    Raises:
        GateError: they differ, or nothing was swapped.
    """
    pipeline = swapper._pipeline
    assert isinstance(pipeline, StyleSwapPipeline)
    album = _Album()
    swapper.live(film, me, album, paced=False).run(frames=CHECKED)
    painter = VideoPainter(swapper.analyzer, pipeline, [(me, Rule("largest"))])
    camera = open_camera(read_camera_name(film), paced=False)
    spent, count = 0.0, 0
    try:
        for _ in range(COUNT):
            start = time.perf_counter()
            frame = camera.read()
            if frame is None or frame.image is None:
                break
            before = frame.image
            painted = painter.paint(before, frame.seconds)
            after = painted.image.copy()
            draw_badge(after)
            if count >= 5:
                spent += time.perf_counter() - start
            if count < CHECKED:
                place = painted.roi.slices
                change = np.abs(after[place].astype(np.int16) - before[place]).mean() if painted.swapped else 0.0
                _require(float(change) >= LEAST_CHANGE, f"frame {count} was not swapped")
                apart = np.abs(album.images[count].astype(np.int16) - after).mean()
                _require(float(apart) <= MOST_LEVELS, f"frame {count} is not the films' swap: {apart:.2f} levels apart")
            count += 1
    finally:
        camera.close()
    _require(count == COUNT, f"the film has {count} frames of {COUNT}")
    return (count - 5) / spent


def live_report(bench: LiveBench, pack: Pack, tests: str) -> BenchReport:
    """The figures of the issue with their bounds."""
    slow, fast = (bench.by_camera[fps] for fps in CAMERAS_FPS)
    name = f"live, camera of {CAMERAS_FPS[1]} fps"
    figures = [
        Figure(f"{name}, frames a second", fast.fps, "fps", 25.0, 60.0),
        Figure(f"{name}, capture to display p95", fast.latency_ms.p95, "ms", 120.0, 50.0, "lower"),
        Figure("  capture to display p50", fast.latency_ms.p50, "ms", better="lower"),
        Figure("  capture to display p99", fast.latency_ms.p99, "ms", better="lower"),
        Figure("  gave way to newer frames", 100.0 * fast.dropped / max(fast.captured, 1), "%", better="lower"),
        *(Figure(f"  {stage}, p50", times.p50, "ms", better="lower") for stage, times in fast.stages_ms.items()),
        Figure(f"live, camera of {CAMERAS_FPS[0]} fps, frames a second", slow.fps, "fps"),
        Figure("  capture to display p95", slow.latency_ms.p95, "ms", better="lower"),
        Figure("film without a clock, frames a second", bench.free_fps, "fps"),
        Figure("  over one thread that does all", bench.free_fps / bench.alone_fps, "x"),
        Figure(
            f"memory, growth over {bench.memory.shown} frames", bench.memory.growth_percent, "%", 1.0, better="lower"
        ),
        Figure("frames that were swapped", 100.0 * bench.swapped_share, "%"),
    ]
    height, width = bench.size_hw
    details: dict[str, Any] = {
        "rss_mib": list(bench.memory.rss_mib),
        "alone_fps": round(bench.alone_fps, 2),
        "dropped": {str(fps): run.dropped for fps, run in bench.by_camera.items()},
        "shown": {str(fps): run.shown for fps, run in bench.by_camera.items()},
    }
    return BenchReport(
        title=f"Live swap at {width}x{height}, one face, {bench.backend}, {bench.threads} threads per network",
        figures=figures,
        settings={
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "backend": bench.backend,
            "threads": bench.threads,
            "size_hw": [height, width],
            "frames": bench.memory.shown,
            "tests": tests,
        },
        details=details,
    )


def _free_fps(swapper: FaceSwapper, me: Identity, film: Path, seconds: float) -> float:
    """Frames a second with nothing but the work in the way."""
    return swapper.live(film, me, NullSink(), loop=True, paced=False).run(seconds=seconds).figures.fps


class _Album(LiveSink):
    """Keeps what it is shown."""

    name = "album"

    def __init__(self) -> None:
        self.images: list[U8] = []

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        pass

    def show(self, image: U8, seconds: float) -> bool:
        self.images.append(image.copy())
        return True

    def close(self) -> None:
        pass


def _require(right: bool, fault: str) -> None:
    if not right:
        raise GateError(f"No speed is printed: {fault}.")
