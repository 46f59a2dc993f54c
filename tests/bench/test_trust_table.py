"""The parts of `python -m bench trust` that break things: they break what they say, and count what comes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import trust_tests
from bench.gate import REPOSITORY
from bench.golden_pictures import cells, golden_pictures, stored_as
from bench.trust import PARTS
from bench.trust_consent import FORGERIES, measure_consent
from bench.trust_tests import PROMISES, ProvenByTests, read_cases
from bench.trust_tests import tests_report as count_cases
from bench.trust_upright import measure_upright

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
    monkeypatch.setattr(trust_tests, "PROMISES", promises)
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
    assert list(PARTS)[-1] == "tests"


def test_golden_pictures_are_of_every_kind_and_come_out_right() -> None:
    golden = list(golden_pictures())
    names = {one.name for one in golden}
    assert len(names) == len(golden) >= 50 and sum(one.pixels is None for one in golden) == 4
    assert {f"{kind}, EXIF {turn}" for kind in ("JPEG", "PNG", "WEBP", "TIFF") for turn in range(1, 9)} <= names
    report = measure_upright("none")
    assert report.ok, report.details


def test_turns_are_those_of_exif() -> None:
    upright = cells(0)
    # Orientation 6: row 0 of what is stored is the right side of what is seen, column 0 its top.
    stored = stored_as(upright, 6)
    np.testing.assert_array_equal(stored[0], upright[:, -1])
    np.testing.assert_array_equal(stored[:, 0], upright[0, ::-1])
    assert stored_as(upright, 3).shape == upright.shape and stored_as(upright, 5).shape == (80, 48, 3)


def test_forged_logs_are_found_and_what_is_forgotten_is_gone() -> None:
    report = measure_consent(30, 2 * len(FORGERIES), "none")
    figures = {figure.name: figure for figure in report.figures}
    assert figures["C3 forgeries"].value == 12 and figures["C3 forgeries found"].ok
    assert figures["C2 traces of face and pictures"].ok and figures["C2 the identity's file is gone"].ok
    assert figures["C3 entries that hold"].value == 30


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_changes_the_log(name: str) -> None:
    lines = [b'{"entry":%d,"output_sha256":"0"}\n' % number for number in range(5)]
    assert FORGERIES[name](list(lines), np.random.default_rng(0)) != lines


def test_damaged_films_are_thirty(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from bench.trust_faults import _damaged, _hashes, _same_frames

    frame = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    films = dict(_damaged(tmp_path, frame))
    assert len(films) == 30 and {path.suffix for path in films.values()} == {".mp4", ".ts", ".mkv"}
    whole = tmp_path / "whole.mp4"
    every = set(range(len(_hashes(whole))))
    assert _same_frames(whole, whole) == every
    assert all(_same_frames(path, whole) < every for path in films.values() if path.name.startswith("flipped"))
