"""The two lines of a live session: both, or a first one alone; never a second one alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.live_log import LiveLog
from facesdk.provenance.work import UNKNOWN


@pytest.mark.parametrize("badge", [True, False])
def test_without_a_first_line_there_is_no_second_one(
    badge: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    (tmp_path / "home").write_text("a file where the folder should be")
    log = LiveLog(UNKNOWN, "null", badge)
    if badge:
        log.begin()
        assert "shown all the same" in caplog.text
    else:
        with pytest.raises(ProvenanceError):
            log.begin()
    (tmp_path / "home").unlink()
    log.end(1, 1, "asked")
    assert not AuditLog().path.exists()
    other = LiveLog(UNKNOWN, "null", badge)
    other.begin()
    other.end(5, 4, "asked")
    other.end(5, 4, "asked")
    start, end = (json.loads(line) for line in AuditLog().path.read_text().splitlines())
    assert (start["event"], start["badge"], end["event"], end["frames"]) == ("start", badge, "end", 5)
