"""What reaches a runtime: flipped bits, attacks on the folder, hostile graphs; and what checking a pack costs."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import BenchReport, Figure
from bench.timing import paired_ratio, time_in_turns
from bench.trust.hostile_graphs import SPEC, graph_bombs, mutants, seed_graph
from bench.trust.pack_attacks import ATTACKS, sign_again
from bench.trust.watched import DIED, HUNG, watch
from facesdk.errors import PackError
from facesdk.pack import GraphSpec, Pack, open_pack, parse_manifest
from facesdk.pack.graph_check import check_graph
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.trial import TrialLimits, try_graph

GATE = tuple(f"tests/facesdk/pack/{name}.py" for name in ("test_pack", "test_signature", "test_graph_check"))
CHILD = "bench.trust.graph_child"
FLIPS = 1000
MOST_OPENING = 1.3
MOST_SECONDS = 10.0
OPENED = ("faces", "style_swap")
"""The families that a swap loads."""


def measure_packs(count: int, rounds: int, tests: str) -> BenchReport:
    """Attacks a copy of the embedded pack, tries hostile graphs, and times the opening.

    Args:
        count: hostile graphs; the study had 20,000.
        rounds: measured openings.
        tests: what the gate said.
    """
    details: dict[str, Any] = {}
    figures = [*_attacks(), *_graphs(count, details), *_bombs(details), *_opening(rounds, details)]
    return BenchReport("Packs", figures, {"hostile graphs": count, "pack tests": tests}, details)


def _attacks() -> list[Figure]:
    nano = open_pack("nano").path
    rng = np.random.default_rng(0)
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(nano, Path(folder) / "nano"))
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        for number in range(FLIPS):
            path = files[number % len(files)]
            place, bit = int(rng.integers(path.stat().st_size)), int(rng.integers(8))
            _flip(path, place, bit)
            refused += _is_refused(copy, path)
            _flip(path, place, bit)
        open_pack(copy).verify()
    stopped = 0
    for attack, _ in ATTACKS.values():
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(nano, Path(folder) / "nano"))
            sign_again(copy)
            attack(copy)
            stopped += _is_refused(copy, None)
    return [
        Figure("packs: flipped bits refused", refused / FLIPS, must=1.0),
        Figure("packs: flipped bits", float(FLIPS)),
        Figure("packs: attacks on the folder refused", stopped / len(ATTACKS), must=1.0),
        Figure("packs: attacks on the folder", float(len(ATTACKS))),
    ]


def _flip(path: Path, place: int, bit: int) -> None:
    with open(path, "r+b") as stream:
        stream.seek(place)
        value = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([value ^ 1 << bit]))


def _is_refused(folder: Path, changed: Path | None) -> bool:
    """Whether it does not open, or the changed file, or any, is not handed out."""
    try:
        pack = open_pack(folder)
        if changed is None:
            pack.verify()
        else:
            pack.read(changed.relative_to(folder).as_posix())
    except PackError:
        return True
    return False


def _graphs(count: int, details: dict[str, Any]) -> list[Figure]:
    rng = np.random.default_rng(1)
    given = list(mutants(seed_graph(), count, rng))
    passed = [data for data in given if not check_graph(data)]
    outcomes = watch(CHILD, passed, MOST_SECONDS + 5)
    details["hostile graphs"] = dict(Counter(o.what for o in outcomes)) | {"found before": len(given) - len(passed)}
    killed = sum(o.what.startswith("killed") for o in outcomes)
    return [
        Figure("hostile graphs: given", float(len(given))),
        Figure("hostile graphs: refused unloaded", float(len(given) - len(passed))),
        Figure("hostile graphs: killed their own process", float(killed)),
        Figure(
            "hostile graphs: killed or hung the one above it",
            float(sum(o.what in (DIED, HUNG) for o in outcomes)),
            must=0.0,
            better="lower",
        ),
        Figure(
            "hostile graphs: longest", max((o.seconds for o in outcomes), default=0.0), "s", MOST_SECONDS, None, "lower"
        ),
    ]


def _bombs(details: dict[str, Any]) -> list[Figure]:
    """Through the very way that an unsigned pack takes."""
    ends = {}
    for name, data in graph_bombs().items():
        start = time.perf_counter()
        faults = check_graph(data)
        try:
            # What the check lets through only where loops are declared has to fail in the trial as well.
            try_graph(name, SPEC, data, "onnxruntime", TrialLimits(cpu_seconds=5, wall_seconds=60.0))
            ends[name] = ("ran", "", faults)
        except PackError as error:
            ends[name] = ("refused", f"{time.perf_counter() - start:.1f} s: {str(error).splitlines()[0]}", faults)
    details["graph bombs"] = ends
    refused = sum(end[0] == "refused" for end in ends.values())
    return [Figure("graph bombs: refused in their trial", refused / len(ends), must=1.0)]


def _opening(rounds: int, details: dict[str, Any]) -> list[Figure]:
    path = open_pack("nano").path

    def checked() -> None:
        pack = Pack(path)
        _load(pack.manifest.families, lambda family, name, _: pack.graph(family, name))

    def trusting() -> None:
        manifest = parse_manifest((path / "manifest.json").read_bytes(), "nano")
        _load(manifest.families, lambda _, __, spec: (path / spec.file).read_bytes())

    timings = time_in_turns({"checked": _timed(checked), "trusting": _timed(trusting)}, rounds, warm_up=1)
    details["opening"] = {name: timing.document() for name, timing in timings.items()}
    ratio = paired_ratio(timings["checked"], timings["trusting"])
    return [
        Figure("opening nano for a swap, checked", timings["checked"].median_ms(), "ms"),
        Figure("opening nano for a swap, unchecked", timings["trusting"].median_ms(), "ms"),
        Figure("opening nano: checked over unchecked", ratio, "x", must=MOST_OPENING, better="lower"),
    ]


def _load(families: Any, read: Callable[[str, str, GraphSpec], bytes]) -> None:
    for family in OPENED:
        for name, spec in families[family].graphs.items():
            OnnxSession(f"{family}.{name}", spec, read(family, name, spec), 1)


def _timed(work: Callable[[], None]) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        start = time.perf_counter()
        work()
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
