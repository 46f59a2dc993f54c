"""One swap of an aligned face, end to end through the networks: every backend against the graphs as torch exports them.

What stands around the networks, finding the face and pasting the result, is timed by `python -m bench pipelines`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.subjects import PLAIN, Subject
from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from export.final_picture import FLOORS, chain_graphs, swap_feeds, swap_pictures
from export.parity import compare
from export.rendered_faces import rendered_faces, rendered_points

F32 = NDArray[np.float32]
Feeds = Mapping[str, F32]

BF16 = "openvino-bf16"
# Side of the picture -> bounds of OpenVINO bf16: how many times faster than plain, and milliseconds.
RATIOS: Mapping[int, tuple[float, float]] = {256: (6.0, 12.0)}
TIMES_MS: Mapping[int, tuple[float | None, float]] = {256: (None, 100.0), 1024: (1000.0, 200.0)}
REST_SECONDS = 0.1


class SwapChain:
    """The networks of a swap with the identity's code at hand.

    Args:
        runs: name of a graph -> runs it.
        features: names of what the encoder and the shape path hand to the decoder.
        people: (2, 3, S, S) float32, target and source.
        points: (2, 68, 2) float32, their landmarks.
    """

    def __init__(
        self,
        runs: Mapping[str, Callable[[Feeds], Mapping[str, F32]]],
        features: Sequence[str],
        people: F32,
        points: F32,
    ) -> None:
        self._runs = runs
        self._features = features
        self._feeds = swap_feeds(
            lambda name, feeds: runs[name](feeds), "shape" in runs, people[:1], people[1:], (points[:1], points[1:])
        )
        self.stages_ms: dict[str, float] = {}

    def picture(self) -> F32:
        """The swap, (1, 3, O, O); the times of its networks stand in `stages_ms` then."""
        self.stages_ms = {}
        return swap_pictures(self._run, self._features, self._feeds)

    def timed(self) -> Mapping[str, float]:
        """A call for `time_in_turns`."""
        start = time.perf_counter()
        self.picture()
        total = (time.perf_counter() - start) * 1e3
        return {**self.stages_ms, "total": total}

    def _run(self, name: str, feeds: Feeds) -> Mapping[str, F32]:
        start = time.perf_counter()
        out = self._runs[name](feeds)
        self.stages_ms[name] = (time.perf_counter() - start) * 1e3
        return out


def measure_chain(
    subjects: Mapping[str, Subject], features: Sequence[str], backends: Sequence[str], rounds: int, threads: int
) -> dict[str, Timing]:
    """Times a swap on every backend and in plain ONNX Runtime.

    Args:
        subjects: name -> the graph.
        features: names of what the encoder and the shape path hand to the decoder.
        backends: the runtime's names.
        rounds: measured swaps of each.
        threads: per network.

    Raises:
        GateError: a backend makes another picture than plain.
    """
    size = subjects["encoder"].feeds["image"].shape[-1]
    people, points, names = rendered_faces(2, size), rendered_points(2), chain_graphs(subjects)
    runs: dict[str, dict[str, Any]] = {PLAIN: {name: subjects[name].open_plain(threads).run for name in names}}
    for backend in backends:
        runs[backend] = {name: subjects[name].open(backend, threads).run for name in names}
    chains = {name: SwapChain(each, features, people, points) for name, each in runs.items()}
    want = chains[PLAIN].picture()
    for backend in backends:
        floor = FLOORS[backend.replace("-", "_")].psnr_db or 0.0
        decibels = compare([want], [chains[backend].picture()])["psnr_db"]
        if not decibels >= floor:
            raise GateError(
                f"No speed is printed: {backend} is {decibels:.1f} dB from plain, at least {floor:g} wanted."
            )
    return time_in_turns({name: chain.timed for name, chain in chains.items()}, rounds, 1, REST_SECONDS)


def chain_report(timings: Mapping[str, Timing], side: int, preset: str, threads: int, rounds: int) -> BenchReport:
    """The end to end figures at one size.

    Args:
        timings: of `measure_chain`.
        side: of the result, pixels.
        preset: of the networks.
        threads, rounds: as measured.
    """
    figures = []
    for name, timing in sorted(timings.items(), key=lambda item: item[1].median_ms()):
        own = name == BF16
        must, aim = TIMES_MS.get(side, (None, None)) if own else (None, None)
        figures.append(Figure(f"one swap at {side} px, {name}, median", timing.median_ms(), "ms", must, aim, "lower"))
        if name != PLAIN:
            must, aim = RATIOS.get(side, (None, None)) if own else (None, None)
            ratio = paired_ratio(timings[PLAIN], timing)
            figures.append(Figure("  times faster than plain", ratio, "x", must, aim))
        for stage in chain_graphs(timing.stages_ms):
            figures.append(Figure(f"  {stage}", timing.median_ms(stage), "ms", better="lower"))
    settings = {"preset": preset, "threads": threads, "rounds": rounds, "identity": "cached"}
    details = {name: timing.document() for name, timing in timings.items()}
    return BenchReport(
        f"one swap at {side} px, {threads} threads", figures, {f"swap_{side}": settings}, {f"swap_{side}": details}
    )
