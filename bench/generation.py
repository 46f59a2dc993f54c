"""One generated face: our path beside the same graphs in plain ONNX Runtime, float32, with twenty Euler steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.float32_graph import float32_graph
from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.errors import InputError
from facesdk.faces.crops import denormalise
from facesdk.generator import FaceGenerator
from facesdk.pack import Pack
from facesdk.pipelines.latent_flow import FAMILY, FaceRequest, LatentFlowPipeline
from facesdk.runtime.onnx_session import PROVIDER, import_onnxruntime
from facesdk.runtime.select import available_backends

U8 = NDArray[np.uint8]
GATE = (
    "tests/facesdk/sampling/test_solver.py",
    "tests/bench/test_float32_graph.py",
    "tests/facesdk/pipelines/test_latent_flow.py",
    "tests/facesdk/test_generator.py",
)
SETTLE_SECONDS = 0.05
PLAIN = "plain"
PLAIN_STEPS = 20  # of the seed's Euler method
SEED = 1
WISH = {"smile": 1.0}
MOST_LEVELS = 3.0  # of 255, mean over a picture: what bfloat16 may cost, and far less than another face differs


class PlainEuler:
    """What one writes without this project: sessions with default options and a loop of Euler steps in float32.

    Args:
        pack: an open pack with latent_flow; its graphs run with float32 weights, as they were before they were packed.
        threads: of each session.
    """

    def __init__(self, pack: Pack, threads: int) -> None:
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3

        def load(graph: str) -> Any:
            return runtime.InferenceSession(float32_graph(pack.graph(FAMILY, graph)), options, providers=[PROVIDER])

        self._velocity, self._decoder = load("velocity"), load("decoder")
        self._pipeline = LatentFlowPipeline(pack, "onnxruntime", threads)
        self.vocabulary = self._pipeline.vocabulary

    def request(self, wish: Mapping[str, float]) -> FaceRequest:
        """What our path makes its face of: noise, and what was drawn and asked."""
        return self._pipeline.request(SEED, [0], wish)

    def face(self, request: FaceRequest, steps: int, mean: bool = False) -> U8:
        """One face.

        Args:
            request: noise (1, D), and what is asked; where it has a base, the network runs on two rows, as one batch.
            steps: of Euler's method.
            mean: ask for the mean velocity of a step and not for the velocity at its start.

        Returns:
            (S, S, 3) uint8.
        """
        guided = request.guidance != 1.0 and not request.wanted.equals(request.base)
        rows = [request.wanted.rows(1), request.base.rows(1)] if guided else [request.wanted.rows(1)]
        condition, identity = (np.concatenate(column) for column in zip(*rows))
        x, times = request.noise, np.linspace(0, 1, steps + 1, dtype=np.float32)
        for start, end in zip(times[:-1], times[1:]):
            feeds = {
                "latent": np.repeat(x, len(rows), axis=0),
                "time": np.full(len(rows), start),
                "end": np.full(len(rows), end if mean else start),
                "condition": condition,
                "identity": identity,
            }
            (v,) = self._velocity.run(["velocity"], feeds)
            x = x + (end - start) * (v[1:] + np.float32(request.guidance) * (v[:1] - v[1:]) if guided else v)
        (image,) = self._decoder.run(["image"], {"latent": x})
        return denormalise(image)[0]


@dataclass(frozen=True)
class GenerationBench:
    """What was measured.

    Attributes:
        timings: request ("open" without a wish, "wish") -> backend or PLAIN -> its times.
        threads: per network.
        steps: of our path.
    """

    timings: Mapping[str, Mapping[str, Timing]]
    threads: int
    steps: int

    def fastest(self, request: str) -> str:
        """Our backend with the smallest median."""
        ours = {name: timing for name, timing in self.timings[request].items() if name != PLAIN}
        return min(ours, key=lambda name: ours[name].median_ms())


def measure_generation(
    pack: Pack, backends: tuple[str, ...] | None = None, rounds: int = 30, threads: int = 2
) -> GenerationBench:
    """Times `FaceGenerator.sample` of one face, and the plain way, from noise to a picture in memory.

    Args:
        pack: an open pack with latent_flow.
        backends: names; None = all that work here.
        rounds: faces for each, in turns.
        threads: per network.

    Raises:
        InputError: no backend.
        GateError: the two ways make different faces from the same noise with the same steps.
    """
    chosen = backends if backends is not None else available_backends()
    if not chosen:
        raise InputError("no backend works on this machine.", "pip install facesdk[cpu]")
    plain = PlainEuler(pack, threads)
    generators = {name: FaceGenerator(pack, backend=name, threads=threads) for name in chosen}
    anyone = next(iter(generators.values()))  # they differ in nothing but their backend
    try:
        requests: dict[str, dict[str, float]] = {"open": {}, "wish": WISH}
        for wish in requests.values():
            for name, generator in generators.items():
                check_same_face(generator, plain, wish, name)
        timings = {
            request: time_in_turns(
                {PLAIN: _plain_call(plain, wish)}
                | {name: _call(generator, wish) for name, generator in generators.items()},
                rounds,
                settle_seconds=SETTLE_SECONDS,
            )
            for request, wish in requests.items()
        }
        return GenerationBench(timings, threads, anyone.facts.steps)
    finally:
        for generator in generators.values():
            generator.close()


def check_same_face(generator: FaceGenerator, plain: PlainEuler, wish: Mapping[str, float], name: str) -> None:
    """Lets our path be timed only if the plain one makes the same face, given our steps and what ours asks for.

    Raises:
        GateError: it does not.
    """
    face = generator.sample(1, seed=SEED, attributes=wish)[0]
    wanted = plain.face(plain.request(wish), generator.facts.steps, mean=True)
    apart = float(np.abs(face.image.astype(np.float32) - wanted).mean())
    if apart > MOST_LEVELS:
        raise GateError(
            f"No speed is printed: {name} makes another face than plain ONNX Runtime from the same noise "
            f"({apart:.1f} of 255 levels apart, at most {MOST_LEVELS:g})."
        )


def generation_report(bench: GenerationBench, pack: Pack, tests: str, rounds: int) -> BenchReport:
    """Each request: our fastest backend, the plain way, and how many times faster ours is.

    Args:
        bench: what was measured.
        pack: the pack.
        tests: what the gate said.
        rounds: faces for each.
    """
    figures = []
    for request, text in (("open", "one face"), ("wish", "one face with a wish")):
        timings, best = bench.timings[request], bench.fastest(request)
        # The bound is for the request without a wish: there the plain way runs the network once a step, not twice.
        must, aim = (4.0, 10.0) if request == "open" else (None, None)
        ratio = paired_ratio(timings[PLAIN], timings[best])
        figures += [
            Figure(f"{text}, {best}, {bench.steps} steps, median", timings[best].median_ms(), "ms", better="lower"),
            Figure(f"{text}, {best}, p95", timings[best].p95_ms(), "ms", better="lower"),
            Figure(f"{text}, plain, {PLAIN_STEPS} steps, median", timings[PLAIN].median_ms(), "ms", better="lower"),
            Figure(f"{text}, {best}, times faster than plain ONNX Runtime", ratio, "x", must, aim),
        ]
        for name, timing in timings.items():
            if name not in (PLAIN, best):
                figures.append(
                    Figure(f"{text}, {name}, times faster than plain", paired_ratio(timings[PLAIN], timing), "x")
                )
    graphs = pack.manifest.family(FAMILY).graphs
    settings = {
        "pack": pack.name,
        "pack_version": pack.manifest.version,
        "precision": {name: spec.precision for name, spec in graphs.items()},
        "threads": bench.threads,
        "rounds": rounds,
        "plain_precision": "fp32",
        "wish": WISH,
        "tests": tests,
    }
    details = {request: {name: t.document() for name, t in by.items()} for request, by in bench.timings.items()}
    title = f"one generated face, {bench.threads} threads, warm"
    return BenchReport(title, figures, {"generation": settings}, {"generation": details})


def _call(generator: FaceGenerator, wish: Mapping[str, float]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        generator.sample(1, seed=SEED, attributes=wish)
        return {"total": (time.perf_counter() - start) * 1e3}

    return run


def _plain_call(plain: PlainEuler, wish: Mapping[str, float]) -> Callable[[], Mapping[str, float]]:
    asked = plain.request(wish)
    nothing = replace(asked.base, attributes=np.zeros_like(asked.base.attributes))
    vocabulary, size = plain.vocabulary, asked.noise.shape[1]

    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        noise = np.random.default_rng(SEED).standard_normal((1, size), np.float32)
        # Nobody draws attributes here: without a wish the network runs once a step.
        wanted = replace(nothing, attributes=vocabulary.vector(wish))
        plain.face(FaceRequest(noise, wanted, nothing, asked.guidance), PLAIN_STEPS)
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
