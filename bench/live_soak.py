"""Memory of the live swap over very many frames: small pictures, a film for a camera, no clock, and nothing shown."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from bench.gate import GateError
from bench.live_clip import write_sway
from bench.live_memory import LiveMemory, watch_memory
from bench.report import BenchReport, Figure
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.pipelines.live import live_threads
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

SIZE_HW = (240, 320)


def measure_soak(
    pack: Pack, source: U8, target: U8, frames: int, backend: str = "auto", threads: int | None = None
) -> LiveMemory:
    """Runs so many frames through the live swap in a process of its own.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with one face in the middle; its middle, made small, sways.
        frames: how many.
        backend: of the networks.
        threads: of each network; None as `facesdk webcam` chooses.

    Raises:
        GateError: frames are missing, in another order, or not swapped.
    """
    chosen = threads or live_threads()
    with tempfile.TemporaryDirectory() as folder:
        with FaceSwapper(pack, backend, threads=chosen) as swapper:
            known = Path(folder) / "me.identity"
            Identity.synthetic(source, analyzer=swapper.analyzer).save(known)
        film = write_sway(Path(folder) / "small.mp4", small_picture(target), 30)
        memory = watch_memory(pack.path, known, film, frames, backend, chosen)
    if not memory.in_order or memory.shown != frames:
        raise GateError(f"No figure: of {frames} frames {memory.shown} came, or in another order.")
    if memory.swapped < 0.95 * frames:
        raise GateError(f"No figure: only {memory.swapped} of {frames} frames were swapped.")
    return memory


def small_picture(picture: U8) -> U8:
    """(240, 320, 3) uint8 RGB: the middle of a picture, as much of it as has this shape."""
    height, width = picture.shape[:2]
    scale = min(height / SIZE_HW[0], width / SIZE_HW[1])
    cut_hw = round(SIZE_HW[0] * scale), round(SIZE_HW[1] * scale)
    top, left = (height - cut_hw[0]) // 2, (width - cut_hw[1]) // 2
    cut = picture[top : top + cut_hw[0], left : left + cut_hw[1]]
    return np.asarray(cv2.resize(cut, SIZE_HW[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def soak_report(memory: LiveMemory, pack: Pack, tests: str) -> BenchReport:
    """Growth behind the warm-up, and at which rate the frames went."""
    name = f"memory, growth over {memory.shown} frames"
    figures = [
        Figure(name, memory.growth_percent, "%", 1.0, better="lower"),
        Figure("  frames a second", memory.fps, "fps"),
        Figure("  frames that were swapped", 100.0 * memory.swapped / memory.shown, "%"),
    ]
    return BenchReport(
        title=f"Live swap of {SIZE_HW[1]}x{SIZE_HW[0]} pictures as fast as it goes",
        figures=figures,
        settings={"pack": pack.name, "pack_version": pack.manifest.version, "frames": memory.shown, "tests": tests},
        details={"rss_mib": list(memory.rss_mib)},
    )
