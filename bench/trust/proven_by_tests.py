"""Promises whose proof is a list of cases in the tests: they are run, and counted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bench.gate import REPOSITORY
from bench.report import BenchReport, Figure

TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class ProvenByTests:
    """A promise and the tests that prove it.

    Attributes:
        name: its number in the study, and what must not happen.
        tests: files below the repository, or one test of a file as FILE::NAME.
        least: fewest cases.
    """

    name: str
    tests: tuple[str, ...]
    least: int = 1

    def has(self, file: str, case: str) -> bool:
        """Whether a case that ran is one of them."""
        return file in self.tests or f"{file}::{case.partition('[')[0]}" in self.tests


_LIVE, _FEED = "tests/facesdk/pipelines/test_live.py", "tests/facesdk/serve/test_live.py"
PROMISES = (
    ProvenByTests("C1 ways to a swap without consent", ("tests/facesdk/test_entry_points.py",), 6),
    ProvenByTests(
        "C4 live pictures without a badge",
        (
            f"{_LIVE}::test_live_is_the_films_swap_with_badge_and_mark",
            f"{_LIVE}::test_every_picture_has_the_badge_whatever_is_in_it",
            f"{_LIVE}::test_while_the_camera_is_away_the_last_swap_stays_with_a_notice",
            f"{_FEED}::test_frames_come_back_swapped_with_badge_and_label",
            f"{_FEED}::test_a_frame_without_a_face_has_badge_and_label_too",
        ),
        5,
    ),
    ProvenByTests("L1 licences not honoured", ("tests/facesdk/pack/test_licence.py",), 5),
    ProvenByTests("M3 formats that carry code", ("tests/facesdk/test_forbidden_calls.py",)),
    ProvenByTests(
        "M5 entry points that send, or write elsewhere",
        ("tests/facesdk/test_silence.py", "tests/facesdk/runtime/test_telemetry.py"),
        10,
    ),
    ProvenByTests(
        "W1 attacks on the page that succeed", ("tests/facesdk/serve/test_attacks.py::test_an_attack_gets_nothing",), 15
    ),
    ProvenByTests("seeds of the fuzzers that break a front", ("tests/fuzz/test_corpus.py",), 3),
)


def measure_tests() -> BenchReport:
    """Runs the tests of all PROMISES once."""
    tests = sorted({test for promise in PROMISES for test in promise.tests})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={path}", *tests]
        paths = [str(REPOSITORY), str(REPOSITORY / "sdk"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
        cases = read_cases(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return tests_report(cases)


def read_cases(text: str) -> dict[str, dict[str, str]]:
    """What pytest's JUnit file says: file -> case -> "passed", "failed" or why it was skipped."""
    out: dict[str, dict[str, str]] = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        file = "/".join(str(case.get("classname")).split(".")) + ".py"
        skipped = case.find("skipped")
        failed = case.find("failure") is not None or case.find("error") is not None
        end = "failed" if failed else "passed" if skipped is None else f"skipped: {skipped.get('message')}"
        out.setdefault(file, {})[str(case.get("name"))] = end
    return out


def tests_report(cases: Mapping[str, Mapping[str, str]]) -> BenchReport:
    """Two figures a promise: cases that were tried, and those that did not end as promised."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for promise in PROMISES:
        ends = {
            f"{file}::{case}": end
            for file, found in cases.items()
            for case, end in found.items()
            if promise.has(file, case)
        }
        tried = {name: end for name, end in ends.items() if not end.startswith("skipped")}
        broken = [name for name, end in tried.items() if end != "passed"]
        if skipped := {name: end for name, end in ends.items() if end.startswith("skipped")}:
            details[f"{promise.name}: skipped"] = skipped
        if broken:
            details[f"{promise.name}: broken"] = broken
        figures += [
            Figure(f"{promise.name}: cases tried", float(len(tried)), must=float(promise.least)),
            Figure(promise.name, float(len(broken)) if tried else None, must=0.0, better="lower"),
        ]
    return BenchReport("Cases", figures, {}, details)
