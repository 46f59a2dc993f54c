"""One generated face: our path beside the same graphs in plain ONNX Runtime with twenty Euler steps, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.errors import InputError
from facesdk.faces.crops import denormalise
from facesdk.generator import BLOCK, FaceGenerator
from facesdk.pack import Pack
from facesdk.pipelines.latent_flow import FAMILY
from facesdk.runtime.onnx_session import PROVIDER, import_onnxruntime
from facesdk.runtime.select import available_backends
from facesdk.sampling.noise import normal_noise

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
GATE = (
    "tests/facesdk/sampling/test_solver.py",
    "tests/facesdk/pipelines/test_latent_flow.py",
    "tests/facesdk/test_generator.py",
)
SETTLE_SECONDS = 0.05
PLAIN = "plain"
PLAIN_STEPS = 20  # of the seed's Euler method
WISH = {"smile": 1.0}
MOST_LEVELS = 3.0  # of 255, mean over a picture: what bfloat16 may cost, and far less than another face differs


class PlainEuler:
    """What one writes without this project: sessions with default options and a loop of Euler steps in float32.

    Args:
        pack: an open pack with latent_flow.
        threads: of each session.
    """

    def __init__(self, pack: Pack, threads: int) -> None:
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3

        def load(graph: str) -> Any:
            return runtime.InferenceSession(pack.graph(FAMILY, graph), options, providers=[PROVIDER])

        self._velocity, self._decoder = load("velocity"), load("decoder")
        shapes = {tensor.name: tensor.shape for tensor in pack.manifest.graph(FAMILY, "velocity").inputs}
        self._identity = np.zeros((1, int(shapes["identity"][1])), np.float32)

    def face(self, noise: F32, condition: F32, guidance: float, steps: int, mean: bool = False) -> U8:
        """One face.

        Args:
            noise: (1, D).
            condition: (1, C); with zeros the network runs once a step, else twice, as one batch.
            guidance: weight of classifier-free guidance.
            steps: of Euler's method.
            mean: ask for the mean velocity of a step and not for the velocity at its start.

        Returns:
            (S, S, 3) uint8.
        """
        wished = bool(condition.any())
        rows = np.concatenate([condition, np.zeros_like(condition)]) if wished else condition
        identity = np.repeat(self._identity, len(rows), axis=0)
        x, times = noise, np.linspace(0, 1, steps + 1, dtype=np.float32)
        for start, end in zip(times[:-1], times[1:]):
            feeds = {
                "latent": np.repeat(x, len(rows), axis=0),
                "time": np.full(len(rows), start),
                "end": np.full(len(rows), end if mean else start),
                "condition": rows,
                "identity": identity,
            }
            (v,) = self._velocity.run(["velocity"], feeds)
            x = x + (end - start) * (v[1:] + guidance * (v[:1] - v[1:]) if wished else v)
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
                {PLAIN: _plain_call(plain, anyone, wish)}
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
    """Lets our path be timed only if the plain one makes the same face, given our steps.

    Raises:
        GateError: it does not.
    """
    face = generator.sample(1, seed=1, attributes=wish)[0]
    noise = normal_noise(1, 0, len(face.latent))[None]
    condition = generator.vocabulary.vector(wish)[None]
    wanted = plain.face(noise, condition, generator.facts.guidance, generator.facts.steps, mean=True)
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
        "rows_sampled_together": BLOCK,
        "wish": WISH,
        "tests": tests,
    }
    details = {request: {name: t.document() for name, t in by.items()} for request, by in bench.timings.items()}
    title = f"one generated face, {bench.threads} threads, warm"
    return BenchReport(title, figures, {"generation": settings}, {"generation": details})


def _call(generator: FaceGenerator, wish: Mapping[str, float]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        generator.sample(1, seed=1, attributes=wish)
        return {"total": (time.perf_counter() - start) * 1e3}

    return run


def _plain_call(
    plain: PlainEuler, generator: FaceGenerator, wish: Mapping[str, float]
) -> Callable[[], Mapping[str, float]]:
    vocabulary, guidance = generator.vocabulary, generator.facts.guidance
    size = generator.sample(1)[0].latent.size

    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        noise = np.random.default_rng(1).standard_normal((1, size), np.float32)
        plain.face(noise, vocabulary.vector(wish)[None], guidance, PLAIN_STEPS)
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
