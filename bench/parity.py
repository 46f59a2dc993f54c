"""How far each backend, and float16, is from float32: every output of every graph, and the final picture of a swap."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.subjects import HALF, PLAIN, SWAP, Subject, family_subjects, pack_subjects, swap_subjects
from bench.report import BenchReport, Figure
from export.families.family import Family
from export.final_picture import HALF_AIM_DB, Run, chain_graphs, final_parity
from export.parity import Parity, compare
from export.torch_graph import Floor
from facesdk.pack import Pack

F32 = NDArray[np.float32]
THREADS = 1


def measure_parity(subject: Pack | Family, backends: Sequence[str], faces: int) -> BenchReport:
    """Runs every graph in every backend and in float16, and swaps rendered people.

    The reference is the plain graph in ONNX Runtime: of a family as torch exports it, of a pack with its own weights.

    Args:
        subject: an open pack, or a family with its networks.
        backends: the runtime's names.
        faces: rendered people.
    """
    named = [*backends, HALF]
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="facesdk-bench-") as folder:
        whole = Path(folder)
        subjects = list(pack_subjects(subject, whole) if isinstance(subject, Pack) else family_subjects(subject, whole))
        for one in subjects:
            rows = graph_parity(one, named)
            details[one.key] = [{"backend": row.backend, "output": row.output, **row.manifest()} for row in rows]
            figures += [figure for row in rows for figure in parity_figures(row)]
        swap = swap_subjects(subjects)
        if swap is not None:
            features = subject.manifest.family(SWAP).features if isinstance(subject, Pack) else subject.features
            finals = _final(swap, features, named, faces)
            figures = [final_figure(row) for row in finals] + figures
            details["final picture"] = {row.backend: row.manifest() for row in finals}
    name = (
        f"{subject.name} {subject.manifest.version}" if isinstance(subject, Pack) else f"{subject.name}, random weights"
    )
    return BenchReport(f"Parity of {name} with float32", figures, {"subject": name, "faces": faces}, details)


def graph_parity(subject: Subject, backends: Sequence[str]) -> list[Parity]:
    """One graph: a row for each backend and output."""
    want = subject.open_plain(THREADS).run(subject.feeds)
    rows = []
    for backend in backends:
        got = subject.open(backend, THREADS).run(subject.feeds)
        rows += [
            Parity(subject.key, backend, tensor.name, **compare([want[tensor.name]], [got[tensor.name]]),
                   floor=Floor(), ok=True)
            for tensor in subject.spec.outputs
        ]  # fmt: skip
    return rows


def parity_figures(row: Parity) -> list[Figure]:
    """Greatest and mean difference, and PSNR over the output's range."""
    name = f"{row.graph} {row.output}, {row.backend}"
    return [
        Figure(f"{name}, mean difference", row.mean_abs, better="lower"),
        Figure("  greatest", row.max_abs, better="lower"),
        # JSON has no infinity: equal outputs carry no PSNR.
        Figure("  PSNR", row.psnr_db if np.isfinite(row.psnr_db) else None, "dB"),
    ]


def final_figure(row: Parity) -> Figure:
    """The PSNR of the final picture against its floor."""
    aim = HALF_AIM_DB if row.backend == HALF else None
    # Equal pictures are as far from a floor as can be.
    value = min(row.psnr_db, 200.0)
    return Figure(f"final picture on rendered faces, {row.backend}", value, "dB", row.floor.psnr_db, aim)


def _final(swap: Mapping[str, Subject], features: Sequence[str], backends: Sequence[str], faces: int) -> list[Parity]:
    size = int(swap["encoder"].spec.inputs[0].shape[-1])
    runs: dict[str, Run] = {}
    for backend in (PLAIN, *backends):
        sessions = {
            name: swap[name].open_plain(THREADS) if backend == PLAIN else swap[name].open(backend, THREADS)
            for name in chain_graphs(swap)
        }
        runs[backend] = lambda name, feeds, sessions=sessions: sessions[name].run(feeds)
    return final_parity(
        runs.pop(PLAIN),
        {name.replace("-", "_"): run for name, run in runs.items()},
        features,
        size,
        faces,
        shaped="shape" in swap,
    )
