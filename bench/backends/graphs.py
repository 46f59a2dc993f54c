"""Every graph on every backend of this machine, in turns with the same graph as torch exports it by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.backends.ceilings import Ceilings
from bench.backends.subjects import PLAIN, Subject
from bench.report import Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from export.to_onnx import TracedGraph
from export.torch_graph import TorchGraph

F32 = NDArray[np.float32]
Run = Callable[[Mapping[str, F32]], object]

EAGER, COMPILED = "torch", "torch-compile"
# Threads of the runtime before spin on for a while after their work.
REST_SECONDS = 0.05
WARM_UP = 1
WEIGHT_BYTES = {"openvino-bf16": 2.0}
# The type that a backend multiplies in, where it is not float32.
MULTIPLIES_IN = {"openvino-bf16": "bf16"}


@dataclass(frozen=True)
class GraphBench:
    """One graph.

    Attributes:
        subject: what was run.
        timings: backend -> its times, PLAIN among them.
        load_seconds: backend -> from the file to the end of the first run.
    """

    subject: Subject
    timings: Mapping[str, Timing]
    load_seconds: Mapping[str, float]

    @property
    def fastest(self) -> str:
        """The backend with the smallest median."""
        return min(self.timings, key=lambda name: self.timings[name].median_ms())

    def flops_per_second(self, backend: str) -> float:
        """The plain graph's operations over a backend's median time."""
        return self.subject.work.flops / self.timings[backend].median_ms() * 1e3

    def bytes_per_second(self, backend: str) -> float:
        """The bytes that cannot be left out over a backend's median time."""
        least = self.subject.work.least_bytes(WEIGHT_BYTES.get(backend, 4.0))
        return least / self.timings[backend].median_ms() * 1e3


def measure_graph(subject: Subject, backends: Sequence[str], rounds: int, threads: int, compiled: bool) -> GraphBench:
    """Times one graph.

    Args:
        subject: the graph.
        backends: the runtime's names.
        rounds: measured runs of each.
        threads: of each.
        compiled: torch.compile too, where the network is at hand; it takes minutes for a large one.
    """
    loaders: dict[str, Callable[[], Run]] = {PLAIN: lambda: subject.open_plain(threads).run}
    for backend in backends:
        loaders[backend] = lambda backend=backend: subject.open(backend, threads).run
    if subject.torch is not None:
        graph = subject.torch
        loaders[EAGER] = lambda: torch_run(graph, False)
        if compiled:
            loaders[COMPILED] = lambda: torch_run(graph, True)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        runs, seconds = {}, {}
        for name, load in loaders.items():
            start = time.perf_counter()
            runs[name] = load()
            runs[name](subject.feeds)
            seconds[name] = time.perf_counter() - start
        calls = {name: timed(run, subject.feeds) for name, run in runs.items()}
        return GraphBench(subject, time_in_turns(calls, rounds, WARM_UP, REST_SECONDS), seconds)
    finally:
        torch.set_num_threads(before)


def torch_run(graph: TorchGraph, compiled: bool) -> Run:
    """The network in torch, float32; compiled for the shapes of its first run."""
    module = TracedGraph(graph).eval()
    call = torch.compile(module, dynamic=False) if compiled else module

    def run(feeds: Mapping[str, F32]) -> object:
        with torch.inference_mode():
            return call(*(torch.from_numpy(feeds[tensor.name]) for tensor in graph.inputs))

    return run


def timed(run: Run, feeds: Mapping[str, F32]) -> Callable[[], Mapping[str, float]]:
    """A call for `time_in_turns`."""

    def call() -> Mapping[str, float]:
        start = time.perf_counter()
        run(feeds)
        return {"total": (time.perf_counter() - start) * 1e3}

    return call


def graph_figures(bench: GraphBench, ceilings: Ceilings) -> list[Figure]:
    """Every backend's time, rate, share of the ceiling, and how many times faster than plain it is."""
    key, out = bench.subject.key, []
    for name, timing in sorted(bench.timings.items(), key=lambda item: item[1].median_ms()):
        kind = MULTIPLIES_IN.get(name, "f32")
        flops, moved = bench.flops_per_second(name), bench.bytes_per_second(name)
        out += [
            Figure(f"{key}, {name}, median", timing.median_ms(), "ms", better="lower"),
            Figure("  operations", flops / 1e9, "GFLOP/s"),
            Figure(f"  share of a {kind} product's", 100 * flops / ceilings.flops[kind], "%"),
            Figure("  least bytes", moved / 1e9, "GB/s"),
            Figure("  share of a copy's", 100 * moved / ceilings.bytes_per_second, "%"),
        ]
        if name != PLAIN:
            out.append(Figure("  times faster than plain", paired_ratio(bench.timings[PLAIN], timing), "x"))
        if name == COMPILED:
            out.append(Figure("  compiling and first run", bench.load_seconds[name], "s", better="lower"))
    return out


def ceiling_figures(ceilings: Ceilings) -> list[Figure]:
    """What the machine did at most."""
    rates = [Figure(f"product of two matrices, {kind}", rate / 1e9, "GFLOP/s") for kind, rate in ceilings.flops.items()]
    return [*rates, Figure("copy of a large tensor", ceilings.bytes_per_second / 1e9, "GB/s")]


def graph_details(bench: GraphBench) -> dict[str, object]:
    """Raw numbers, JSON values."""
    work = bench.subject.work
    return {
        "flops": work.flops,
        "weights": work.weights,
        "precision": bench.subject.spec.precision,
        "load_seconds": {name: round(value, 3) for name, value in bench.load_seconds.items()},
        "times": {name: timing.document() for name, timing in bench.timings.items()},
    }
