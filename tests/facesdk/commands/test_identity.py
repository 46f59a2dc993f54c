"""`facesdk identity`: what is shown is no face, and what is forgotten is gone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.commands.identity import app
from facesdk.consent import Consent
from facesdk.errors import MediaError
from facesdk.identity import Identity
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.audit_key import keyed_hash


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def ann(expires: str = "") -> Identity:
    rng = np.random.default_rng(3)
    embedding = rng.normal(size=512).astype(np.float32)
    crops = rng.integers(0, 256, (2, 256, 256, 3), np.uint8)
    return Identity(embedding / np.linalg.norm(embedding), crops, Consent.given("Ann Lee", "still", expires), "fake")


def test_list_and_show(home: Path) -> None:
    ann().save(home / "ann.identity")
    ann("2020-01-01").save(home / "old.identity")
    (home / "bad.identity").write_bytes(b"x")
    lines = run("list", home).splitlines()
    assert len(lines) == 3 and "given (still)" in lines[0] and "cannot be read" in lines[1]
    assert lines[2].endswith("given (still) until 2020-01-01   ENDED")
    facts = json.loads(run("show", home / "ann.identity", "--json"))
    assert facts["level"] == "attested" and facts["expires"] == "never" and facts["pictures"] == 2
    # Words and counts: neither numbers of the embedding nor pixels.
    assert all(type(value) in (str, int, bool) for value in facts.values()) and "Ann Lee" in facts["statement"]
    assert "level      attested" in run("show", home / "ann.identity")
    (home / "none").mkdir()
    assert "no .identity files" in run("list", home / "none")


def test_forget_leaves_no_byte_of_the_face(home: Path) -> None:
    who = ann()
    who.save(home / "ann.identity")
    who.save(home / "ann2.identity")
    # As a crash in the middle of a write leaves it.
    (home / ".ann.identity.0123456789ab.tmp").write_bytes((home / "ann.identity").read_bytes())
    out = run("forget", home / "ann.identity", home / "ann2.identity")
    assert out.count("erased") == 3 and "SSD" in out
    left = [path for path in home.rglob("*") if path.is_file()]
    folders = {path.parent for path in left}
    assert folders == {home / "home" / "state", home / "home" / "config" / "audit"}
    parts = [who.embedding.tobytes()[:32], who.crops.tobytes()[:64], who.crops.tobytes()[-64:], b"Ann Lee"]
    for path in left:
        data = path.read_bytes()
        assert not any(part in data for part in parts), path
    log = AuditLog()
    entries = [json.loads(line) for line in log.path.read_bytes().splitlines()]
    assert log.verify().ok and [entry["kind"] for entry in entries] == ["forget", "forget"]
    # A plain hash could be made again by whoever has the pictures.
    plain = [who.id, *(hashlib.sha256(text.encode()).hexdigest() for text in (who.id, who.consent.to_json()))]
    assert not any(text in log.path.read_text() for text in plain)
    assert entries[0]["identity"] == keyed_hash(who.id) and entries[0]["consent"] == keyed_hash(who.consent.to_json())
    assert entries[0]["level"] == "attested"


@pytest.mark.parametrize("name", ["me[1].identity", "*.identity", "x" * 120 + ".identity"])
def test_what_a_crash_left_is_found_whatever_the_name(home: Path, name: str) -> None:
    ann().save(home / "other.identity")
    others = home / ".other.identity.0123456789ab.tmp"
    others.write_bytes(b"another one's")
    ann().save(home / name)
    # Where `write_atomic` writes first.
    left = home / f".{name[:100]}.0123456789ab.tmp"
    left.write_bytes(b"half a face")
    assert run("forget", home / name).count("erased") == 2
    assert not left.exists() and others.exists()


def test_what_cannot_be_read_is_erased_and_another_file_is_not(home: Path) -> None:
    (home / "bad.identity").write_bytes(b"half a face")
    (home / "photo.jpg").write_bytes(b"x")
    for wrong in ("photo.jpg", "none.identity"):
        with pytest.raises(MediaError, match="Nothing was erased"):
            run("forget", home / "bad.identity", home / wrong)
    assert (home / "bad.identity").exists()
    run("forget", home / "bad.identity")
    assert sorted(path.name for path in home.iterdir()) == ["home", "photo.jpg"]
