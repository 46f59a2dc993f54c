"""Every graph of a pack on every backend of this machine, in turns, at the sizes that a swap uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.pack import GraphSpec, Pack
from facesdk.runtime.select import available_backends, open_session
from facesdk.runtime.session import Session

F32 = NDArray[np.float32]
# Sizes of dynamic axes: one face, and a 16:9 picture as the detector sees it.
AXES = {"batch": 1, "height": 384, "width": 640}


def random_feeds(spec: GraphSpec, seed: int = 0) -> dict[str, F32]:
    """Inputs of a graph, uniform in [-1, 1]."""
    rng = np.random.default_rng(seed)
    shapes = {t.name: [AXES[d] if isinstance(d, str) else d for d in t.shape] for t in spec.inputs}
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def measure_graphs(
    pack: Pack, backends: tuple[str, ...] | None = None, rounds: int = 20, threads: int = 2
) -> dict[str, dict[str, Timing]]:
    """Times each graph.

    Args:
        pack: an open pack.
        backends: names; None = all that work here.
        rounds: runs for each backend and graph.
        threads: per session.

    Returns:
        "family.graph" -> backend -> times.
    """
    chosen = backends if backends is not None else available_backends()
    out = {}
    for key, spec in pack.graphs.items():
        family, _, graph = key.partition(".")
        feeds = random_feeds(spec)
        calls = {name: _call(open_session(pack, family, graph, name, threads), feeds) for name in chosen}
        out[key] = time_in_turns(calls, rounds)
    return out


def graphs_report(timings: Mapping[str, Mapping[str, Timing]], pack: Pack, threads: int, tests: str) -> BenchReport:
    """For each graph the median of every backend, and how many times faster the fastest is than the slowest."""
    figures = []
    for key, by_backend in timings.items():
        order = sorted(by_backend, key=lambda name: by_backend[name].median_ms())
        for name in order:
            figures.append(Figure(f"{key}, {name}, median", by_backend[name].median_ms(), "ms", better="lower"))
        if len(order) > 1:
            ratio = paired_ratio(by_backend[order[-1]], by_backend[order[0]])
            figures.append(Figure(f"{key}, {order[0]} times faster than {order[-1]}", ratio, "x"))
    return BenchReport(
        title=f"Graphs of {pack.name} {pack.manifest.version}, {threads} threads, warm",
        figures=figures,
        settings={
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "threads": threads,
            "axes": AXES,
            "tests": tests,
        },
        details={key: {name: t.document() for name, t in by.items()} for key, by in timings.items()},
    )


def _call(session: Session, feeds: Mapping[str, F32]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        session.run(feeds)
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
