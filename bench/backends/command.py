"""python -m bench backends: graphs, ceilings, the swap end to end, and the roofline plot."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.backends.ceilings import Ceilings, measure_ceilings
from bench.backends.graphs import GraphBench, ceiling_figures, graph_details, graph_figures, measure_graph
from bench.backends.int8_swap import int8_report
from bench.backends.subjects import AXES, PLAIN, SWAP, Subject, family_subjects, pack_subjects, swap_subjects
from bench.backends.swap_chain import chain_report, measure_chain
from bench.report import BenchReport
from export.families.by_name import sized_preset, untrained_family
from export.families.family import Family
from facesdk.media.sink import write_atomic
from facesdk.pack import Pack

SIZES = (256, 1024)
FACES = 4


class BackendsBench:
    """Collects what is measured, for one report.

    Args:
        subject: how the report calls it.
        backends: the runtime's names.
        rounds: runs of each.
        threads: of each.
        compiled: torch.compile too.
        tests: what the gate said.
    """

    def __init__(
        self, subject: str, backends: Sequence[str], rounds: int, threads: int, compiled: bool, tests: str
    ) -> None:
        self.subject = subject
        self.backends = tuple(backends)
        self.rounds = rounds
        self.threads = threads
        self.compiled = compiled
        self.tests = tests
        self.ceilings: Ceilings = measure_ceilings(threads)
        self.benches: list[GraphBench] = []
        self.chains: list[BenchReport] = []

    def add_pack(self, pack: Pack, int8: bool = False) -> None:
        """Every graph of a pack; and what its swap would gain by int8, if asked."""
        with tempfile.TemporaryDirectory(prefix="facesdk-bench-") as folder:
            subjects = list(pack_subjects(pack, Path(folder)))
            for subject in subjects:
                self._add(subject)
            swap = swap_subjects(subjects) if int8 else None
            if swap is not None:
                features = pack.manifest.family(SWAP).features
                self.chains.append(int8_report(swap, features, self.threads, self.rounds, FACES))

    def add_family(self, family: Family, preset: str, every_graph: bool = True) -> None:
        """Every graph of a family, and for style_swap the swap end to end.

        Args:
            family: with its networks.
            preset: of them.
            every_graph: False leaves only the swap, on the backend that `auto` prefers.
        """
        with tempfile.TemporaryDirectory(prefix="facesdk-bench-") as folder:
            subjects = family_subjects(family, Path(folder))
            for subject in subjects if every_graph else ():
                self._add(subject)
            if family.name != SWAP:
                return
            named = swap_subjects(subjects)
            assert named is not None
            backends = self.backends if every_graph else self.backends[:1]
            timings = measure_chain(named, family.features, backends, self.rounds, self.threads)
            side = int(named["decoder"].spec.outputs[0].shape[-1])
            self.chains.append(chain_report(timings, side, preset, self.threads, self.rounds))

    def report(self) -> BenchReport:
        """Everything in one: the swaps first."""
        graphs = BenchReport(
            f"Graphs of {self.subject}, {self.threads} threads, warm",
            [
                *ceiling_figures(self.ceilings),
                *(f for bench in self.benches for f in graph_figures(bench, self.ceilings)),
            ],
            {
                "subject": self.subject,
                "threads": self.threads,
                "rounds": self.rounds,
                "axes": AXES,
                PLAIN: "ONNX Runtime, float32, its defaults; of a family: torch.onnx.export with its defaults",
                "operations": "of the plain graph; a backend that folds or uses Winograd's products does fewer",
                "tests": self.tests,
            },
            {bench.subject.key: graph_details(bench) for bench in self.benches},
        )
        out = graphs
        for chain in reversed(self.chains):
            out = chain.joined(out)
        return out

    def write_plot(self, path: Path) -> None:
        """Writes the roofline, whole or not at all."""
        from bench.backends.roofline import roofline_png

        png = roofline_png(self.benches, self.ceilings, f"{self.subject}, {self.threads} threads")
        write_atomic(path, png)

    def _add(self, subject: Subject) -> None:
        self.benches.append(measure_graph(subject, self.backends, self.rounds, self.threads, self.compiled))


def measure_backends(
    subject: Pack | str,
    preset: str,
    sizes: Sequence[int] | None,
    backends: Sequence[str],
    rounds: int,
    threads: int,
    compiled: bool,
    tests: str,
    int8: bool = False,
    seed: int = 0,
) -> BackendsBench:
    """A pack, or a family with random weights: style_swap at every size, its graphs at the first one.

    Args:
        subject: an open pack, or the name of a family.
        preset: of the family.
        sizes: sides of the swap's result; None = SIZES.
        backends: the runtime's names.
        rounds, threads: of each.
        compiled: torch.compile too.
        tests: what the gate said.
        int8: what a pack's swap would gain by it.
        seed: of random weights.

    Raises:
        InputError: no such family, preset or size.
    """
    if isinstance(subject, Pack):
        bench = BackendsBench(f"{subject.name} {subject.manifest.version}", backends, rounds, threads, compiled, tests)
        bench.add_pack(subject, int8)
        return bench
    presets = [sized_preset(preset, size) for size in sizes or SIZES] if subject == SWAP else [preset]
    bench = BackendsBench(f"{subject} {preset}, random weights", backends, rounds, threads, compiled, tests)
    for number, own in enumerate(presets):
        bench.add_family(untrained_family(subject, own, seed), own, every_graph=number == 0)
    return bench
