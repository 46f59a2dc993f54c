"""What hostile pictures do: damaged ones give a picture or one typed error, and bombs are refused before any memory."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bench.report import BenchReport, Figure
from bench.trust.hostile_images import bombs, mutants, seeds
from bench.trust.watched import DIED, HUNG, Outcome, watch

GATE = ("tests/facesdk/media/test_image.py", "tests/facesdk/media/test_hostile_images.py")
CHILD = "bench.trust.decode_child"
MOST_SECONDS = 2.0
MOST_BOMB_MS, MOST_BOMB_MIB = 100.0, 150.0
EXPECTED = ("picture", "refused")


def measure_inputs(count: int, tests: str) -> BenchReport:
    """Decodes mutants and bombs in other processes.

    Args:
        count: mutants of each of the eight kinds.
        tests: what the gate said.
    """
    rng = np.random.default_rng(0)
    figures: list[Figure] = []
    outcomes: dict[str, dict[str, int]] = {}
    everything = []
    for kind, seed in seeds().items():
        done = watch(CHILD, list(mutants(seed, count, rng)))
        outcomes[kind] = dict(Counter(outcome.what for outcome in done))
        everything += done
    foreign = sum(outcome.what not in (*EXPECTED, DIED, HUNG) for outcome in everything)
    figures += [
        Figure("hostile pictures: mutants decoded", float(len(everything))),
        Figure("hostile pictures: crashes", _count(everything, DIED), must=0.0, better="lower"),
        Figure("hostile pictures: hangs", _count(everything, HUNG), must=0.0, better="lower"),
        Figure("hostile pictures: other exceptions", float(foreign), must=0.0, better="lower"),
        Figure("hostile pictures: longest", max(o.seconds for o in everything), "s", must=MOST_SECONDS, better="lower"),
    ]
    # A process each: the peak of memory is then each one's own.
    named = {name: watch(CHILD, [data])[0] for name, data in bombs().items()}
    figures += [
        Figure("bombs: given", float(len(named))),
        Figure("bombs: refused", sum(o.what == "refused" for o in named.values()) / len(named), must=1.0),
        Figure("bombs: longest", max(o.seconds for o in named.values()) * 1e3, "ms", must=MOST_BOMB_MS, better="lower"),
        Figure(
            "bombs: peak memory of the process",
            max(o.peak_mib for o in named.values()),
            "MiB",
            must=MOST_BOMB_MIB,
            better="lower",
        ),
    ]
    details = {
        "mutants": outcomes,
        "bombs": {name: [o.what, round(o.seconds * 1e3, 2), round(o.peak_mib, 1)] for name, o in named.items()},
    }
    return BenchReport("Hostile inputs", figures, {"mutants of each kind": count, "input tests": tests}, details)


def _count(outcomes: list[Outcome], what: str) -> float:
    return float(sum(outcome.what == what for outcome in outcomes))
