"""Promises that tests prove: the tests are there, and their cases are counted."""

from __future__ import annotations

import pytest

from bench.gate import REPOSITORY
from bench.trust import proven_by_tests
from bench.trust.proven_by_tests import PROMISES, ProvenByTests, read_cases
from bench.trust.proven_by_tests import tests_report as count_cases

CASES = """<testsuites><testsuite>
<testcase classname="tests.a.test_x" name="test_one[1]"/>
<testcase classname="tests.a.test_x" name="test_one[2]"><failure message="no"/></testcase>
<testcase classname="tests.a.test_x" name="test_two"/>
<testcase classname="tests.a.test_y" name="test_three"><skipped message="no strace"/></testcase>
</testsuite></testsuites>"""


def test_cases_are_counted_and_skipped_ones_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    promises = (
        ProvenByTests("one", ("tests/a/test_x.py::test_one",), 2),
        ProvenByTests("two", ("tests/a/test_x.py::test_two",)),
        ProvenByTests("three", ("tests/a/test_y.py",)),
    )
    monkeypatch.setattr(proven_by_tests, "PROMISES", promises)
    report = count_cases(read_cases(CASES))
    figures = {figure.name: figure for figure in report.figures}
    assert figures["one: cases tried"].ok and figures["one"].value == 1 and figures["one"].ok is False
    assert figures["two"].ok and figures["two: cases tried"].value == 1
    assert figures["three"].value is None and figures["three"].ok is False
    assert report.details["three: skipped"] == {"tests/a/test_y.py::test_three": "skipped: no strace"}


def test_the_tests_that_prove_a_promise_are_there() -> None:
    for promise in PROMISES:
        for test in promise.tests:
            file, _, name = test.partition("::")
            assert f"def {name}" in (REPOSITORY / file).read_text(encoding="utf-8"), test
