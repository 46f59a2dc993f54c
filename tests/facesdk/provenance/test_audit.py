"""The audit log: every change is found, and nothing is in it that should not be."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit import HEAD_NAME, START, AuditLog
from facesdk.settings import Settings

ENTRIES = 12


def settings(folder: Path) -> Settings:
    return Settings(state_folder=folder / "state")


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    out = AuditLog(settings(tmp_path))
    for number in range(ENTRIES):
        out.append({"kind": "swap", "raw": number == 3, "output_sha256": f"{number:064x}"})
    return out


def test_a_log_that_was_left_alone_holds(log: AuditLog) -> None:
    report = log.verify()
    assert report.ok and (report.entries, report.raw) == (ENTRIES, 1)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["entry"] for line in lines] == list(range(1, ENTRIES + 1))
    assert lines[0]["previous"] == START and report.head == lines[-1]["hash"]
    assert all(after["previous"] == before["hash"] for before, after in zip(lines, lines[1:]))
    if os.name == "posix":
        assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    report = AuditLog(settings(tmp_path)).verify()
    assert report.ok and (report.entries, report.head) == (0, START) and not (tmp_path / "state").exists()


def test_every_edit_is_found(log: AuditLog) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    head = log.path.with_name("audit.head")
    for at in range(ENTRIES):
        edited = lines[at].replace(b'"raw":false', b'"raw":true ').replace(b'"kind":"swap"', b'"kind":"swop"')
        for changed in (
            [*lines[:at], edited, *lines[at + 1 :]],
            [*lines[:at], *lines[at + 1 :]],
            [*lines[:at], lines[at], *lines[at:]],
            [*lines[:at], lines[(at + 1) % ENTRIES], *lines[at + 1 :]],
            lines[:at],
            [*lines[:at], b"{}\n", *lines[at + 1 :]],
            [*lines[:at], b"\xff\n", *lines[at + 1 :]],
        ):
            log.path.write_bytes(b"".join(changed))
            assert not log.verify().ok, (at, changed)
    log.path.write_bytes(b"".join(lines))
    assert log.verify().ok
    kept = head.read_bytes()
    for broken in (b"", b"[]", b'{"entries":1,"hash":"x"}', b'{"entries":99,"hash":"x"}'):
        head.write_bytes(broken)
        assert not log.verify().ok
    # A crash between the line and the head leaves the head an entry behind: that is no fault.
    before = json.loads(lines[-2])
    head.write_bytes(json.dumps({"entries": ENTRIES - 1, "hash": before["hash"]}).encode())
    assert log.verify().ok
    head.unlink()
    assert "head file is missing" in log.verify().fault
    head.write_bytes(kept)
    log.path.unlink()
    assert "12 were written" in log.verify().fault


def test_half_a_line_is_kept_and_named(log: AuditLog) -> None:
    with open(log.path, "ab") as stream:
        stream.write(b'{"entry":13,"ha')
    assert "entry 13" in log.verify().fault
    with pytest.raises(ProvenanceError, match="last entry is damaged"):
        log.append({"kind": "swap"})


def _append(folder: Path) -> None:
    for _ in range(5):
        AuditLog(settings(folder)).append({"kind": "swap"})


@pytest.mark.skipif(os.name != "posix", reason="the system has no flock")
def test_several_processes_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    report = AuditLog(settings(tmp_path)).verify()
    assert report.ok and report.entries == 15


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ProvenanceError, match=r"cannot be written(.|\n)*FACESDK_HOME"):
        AuditLog(settings(tmp_path)).append({"kind": "swap"})


def test_a_head_that_cannot_be_written_is_the_logs_own_error(tmp_path: Path) -> None:
    """Who refuses a picture, or shows one with its badge, goes on after this error and no other."""
    log = AuditLog(Settings(state_folder=tmp_path))
    (tmp_path / HEAD_NAME).mkdir()
    with pytest.raises(ProvenanceError, match=r"audit.jsonl cannot be written: .*audit.head cannot be written"):
        log.append({"kind": "swap"})
