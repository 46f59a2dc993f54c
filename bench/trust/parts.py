"""The parts of `python -m bench trust` by name, and how they become one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.gate import require_tests
from bench.report import BenchReport
from bench.trust.alarms import GATE as ALARMS_GATE
from bench.trust.alarms import measure_alarms
from bench.trust.consent import GATE as CONSENT_GATE
from bench.trust.consent import measure_consent
from bench.trust.faults import GATE as FAULTS_GATE
from bench.trust.faults import measure_faults
from bench.trust.inputs import GATE as INPUTS_GATE
from bench.trust.inputs import measure_inputs
from bench.trust.layers import GATE as LAYERS_GATE
from bench.trust.layers import measure_layers
from bench.trust.marks import GATE as MARKS_GATE
from bench.trust.marks import measure_marks
from bench.trust.packs import GATE as PACKS_GATE
from bench.trust.packs import measure_packs
from bench.trust.proven_by_tests import measure_tests
from bench.trust.sample import TrustSample
from bench.trust.upright import GATE as UPRIGHT_GATE
from bench.trust.upright import measure_upright
from facesdk.errors import InputError

Part = Callable[[TrustSample], BenchReport]


def _marks(sample: TrustSample) -> BenchReport:
    return measure_marks(sample.directory, sample.pictures, sample.rounds, require_tests(MARKS_GATE))


def _alarms(sample: TrustSample) -> BenchReport:
    return measure_alarms(sample.directory, sample.pictures, sample.looks, require_tests(ALARMS_GATE))


def _layers(sample: TrustSample) -> BenchReport:
    return measure_layers(sample.edits, require_tests(LAYERS_GATE))


def _packs(sample: TrustSample) -> BenchReport:
    return measure_packs(sample.graphs, sample.rounds, require_tests(PACKS_GATE))


def _inputs(sample: TrustSample) -> BenchReport:
    return measure_inputs(sample.mutants, require_tests(INPUTS_GATE))


def _upright(sample: TrustSample) -> BenchReport:
    return measure_upright(require_tests(UPRIGHT_GATE))


def _faults(sample: TrustSample) -> BenchReport:
    return measure_faults(sample.injections, require_tests(FAULTS_GATE))


def _consent(sample: TrustSample) -> BenchReport:
    return measure_consent(sample.log_lines, sample.log_edits, sample.calls, require_tests(CONSENT_GATE))


def _tests(sample: TrustSample) -> BenchReport:
    return measure_tests()


PARTS: Mapping[str, Part] = {
    "inputs": _inputs,
    "upright": _upright,
    "faults": _faults,
    "packs": _packs,
    "layers": _layers,
    "alarms": _alarms,
    "marks": _marks,
    "consent": _consent,
    "tests": _tests,
}
"""Name -> what measures it."""


def measure_trust(parts: list[str] | None, sample: TrustSample) -> BenchReport:
    """Measures parts one after the other.

    Args:
        parts: names in PARTS; None means all.
        sample: how much of each is tried.

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
        found = PARTS[name](sample)
        report = found if report is None else report.joined(found)
    assert report is not None
    return report
