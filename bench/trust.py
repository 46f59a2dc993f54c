"""python -m bench trust: the promises that concern marks, consent, packs and hostile inputs, measured in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.gate import require_tests
from bench.report import BenchReport
from bench.trust_inputs import GATE as INPUTS_GATE
from bench.trust_inputs import measure_inputs
from bench.trust_marks import GATE as MARKS_GATE
from bench.trust_marks import measure_marks
from bench.trust_packs import GATE as PACKS_GATE
from bench.trust_packs import measure_packs
from facesdk.errors import InputError

Part = Callable[[Path, int, int], BenchReport]


def _marks(directory: Path, count: int, rounds: int) -> BenchReport:
    return measure_marks(directory, count, rounds, require_tests(MARKS_GATE))


def _packs(directory: Path, count: int, rounds: int) -> BenchReport:
    return measure_packs(count, rounds, require_tests(PACKS_GATE))


def _inputs(directory: Path, count: int, rounds: int) -> BenchReport:
    return measure_inputs(count, require_tests(INPUTS_GATE))


PARTS: Mapping[str, Part] = {"marks": _marks, "packs": _packs, "inputs": _inputs}
"""Name -> what measures it, given the folder of rendered pictures, how many, and how many rounds of timings."""


def measure_trust(parts: list[str] | None, directory: Path, count: int, rounds: int) -> BenchReport:
    """Measures parts one after the other.

    Args:
        parts: names in PARTS; None means all.
        directory: where rendered pictures are kept.
        count: pictures.
        rounds: measured runs of each timing.

    Raises:
        InputError: no such part.
        GateError: what is to be measured does not pass its tests.
    """
    wanted = parts or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise InputError(f"no such part: {', '.join(unknown)}.", f"One of: {', '.join(PARTS)}.")
    report: BenchReport | None = None
    for name in wanted:
        found = PARTS[name](directory, count, rounds)
        report = found if report is None else report.joined(found)
    assert report is not None
    return report
