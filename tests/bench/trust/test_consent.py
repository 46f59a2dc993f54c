"""The part that forges logs and forgets a face: every forgery changes the log, and each is found."""

from __future__ import annotations

import numpy as np
import pytest

from bench.trust.consent import FORGERIES, measure_consent


def test_forged_logs_are_found_and_what_is_forgotten_is_gone() -> None:
    report = measure_consent(30, 2 * len(FORGERIES), 4, "none")
    figures = {figure.name: figure for figure in report.figures}
    assert figures["C3 forgeries"].value == 12 and figures["C3 forgeries found"].ok
    assert figures["C2 traces of face and pictures"].ok and figures["C2 the identity's file is gone"].ok
    assert figures["C3 entries that hold"].value == 30
    assert figures["C1 random calls that take an identity"].value == 4 and figures["C1 answered wrongly"].ok


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_changes_the_log(name: str) -> None:
    lines = [b'{"entry":%d,"output_sha256":"0"}\n' % number for number in range(5)]
    assert FORGERIES[name](list(lines), np.random.default_rng(0)) != lines
