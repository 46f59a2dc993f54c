"""Memory of a live swap over many frames, in a process of its own that holds nothing but facesdk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import FacesdkError
from facesdk.identity import Identity
from facesdk.media.live_memory import keep_memory_flat
from facesdk.media.live_sink import NullSink
from facesdk.pipelines.live_frame import LiveFrame
from facesdk.swapper import FaceSwapper

SAMPLES = 400
WARM_UP_FRAMES = 600
TIMEOUT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class LiveMemory:
    """What a run of many frames showed.

    Attributes:
        rss_mib: resident memory along the run; empty where the system does not say it.
        shown: frames.
        swapped: of them with a swap.
        in_order: whether every frame of the film came, one after the other.
        fps: frames a second.
    """

    rss_mib: tuple[float, ...]
    shown: int
    swapped: int
    in_order: bool
    fps: float

    @property
    def warm_mib(self) -> tuple[float, ...]:
        """Behind the warm-up: WARM_UP_FRAMES, but no more than half of all."""
        each = max(1, self.shown // max(len(self.rss_mib), 1))
        return self.rss_mib[min(len(self.rss_mib) // 2, WARM_UP_FRAMES // each) :]

    @property
    def growth_percent(self) -> float | None:
        """Memory at the end over memory after the warm-up, medians of a tenth of the samples each."""
        warm = self.warm_mib
        if len(warm) < 10:
            return None
        part = len(warm) // 10
        first, last = sorted(warm[:part])[part // 2], sorted(warm[-part:])[part // 2]
        return 100.0 * (last / first - 1.0)


def rss_mib() -> float | None:
    """Resident memory of this process; None where the system does not say it in /proc."""
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None
    return int(fields[1]) * resource.getpagesize() / 2**20


def watch_memory(pack: Path, identity: Path, film: Path, frames: int, backend: str, threads: int) -> LiveMemory:
    """Runs a live swap of so many frames in a child: film as fast as it goes, null sink.

    Raises:
        FacesdkError: the child failed.
    """
    roots = [str(Path(__file__).resolve().parents[1] / "sdk"), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, __file__, str(pack), str(identity), str(film), str(frames), backend, str(threads)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise FacesdkError(f"the run for memory ended with {done.returncode}: {done.stderr.strip()[-1000:]}", "")
    values = json.loads(done.stdout.splitlines()[-1])
    return LiveMemory(tuple(values.pop("rss_mib")), **values)


def _run(pack: str, identity: str, film: str, frames: int, backend: str, threads: int) -> LiveMemory:
    every, samples, last, in_order = max(1, frames // SAMPLES), [], -1, True

    def see(frame: LiveFrame) -> None:
        nonlocal last, in_order
        in_order &= frame.index == last + 1
        last = frame.index
        if frame.index % every == every - 1:
            known = rss_mib()
            if known is not None:
                samples.append(round(known, 3))

    keep_memory_flat()  # as `facesdk webcam` does
    with FaceSwapper(pack, backend, threads=threads) as swapper:
        live = swapper.live(film, Identity.load(identity), NullSink(), loop=True, paced=False)
        live._on_frame = see
        result = live.run(frames=frames)
    return LiveMemory(tuple(samples), result.figures.shown, result.swapped_count, in_order, result.figures.fps)


if __name__ == "__main__":
    where = sys.argv[1:4]
    found = _run(where[0], where[1], where[2], int(sys.argv[4]), sys.argv[5], int(sys.argv[6]))
    print(json.dumps(found.__dict__))
