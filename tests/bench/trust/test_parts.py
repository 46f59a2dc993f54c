"""The parts become one table, and a sample says how much of each is tried."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bench.report import BenchReport, Figure
from bench.trust import parts
from bench.trust.sample import TrustSample
from facesdk.errors import InputError


def test_parts_become_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(sample: TrustSample) -> BenchReport:
        return BenchReport("Part", [Figure(str(sample.directory), float(sample.pictures * sample.rounds))])

    monkeypatch.setattr(parts, "PARTS", {"one": part, "two": part})
    sample = TrustSample(Path("x"), 3, 5)
    report = parts.measure_trust(None, sample)
    assert report.title == "Part; Part" and [figure.value for figure in report.figures] == [15, 15]
    assert len(parts.measure_trust(["two"], sample).figures) == 1
    with pytest.raises(InputError, match="no such part: three"):
        parts.measure_trust(["three"], sample)


def test_the_cases_of_the_tests_are_counted_last() -> None:
    assert list(parts.PARTS)[-1] == "tests"


def test_a_sample_is_a_part_of_the_whole() -> None:
    sample, whole = TrustSample(), TrustSample().whole()
    assert all(getattr(whole, field.name) >= getattr(sample, field.name) for field in fields(sample)[1:])
    assert (whole.graphs, whole.edits, whole.injections, whole.looks) == (20_000, 1000, 1000, 100_000)
    few = whole.at_most(7)
    assert few.mutants == few.log_lines == 7 and few.rounds == whole.rounds and few.directory == whole.directory
