"""The hashes of people in the audit log: the same here, another elsewhere, none that a stranger could make."""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit_key import KEY_BYTES, keyed_hash
from facesdk.provenance.work import Work
from facesdk.settings import Settings


def settings(folder: Path) -> Settings:
    return Settings(config_folder=folder / "config", state_folder=folder / "state")


def test_it_is_an_hmac_under_a_key_of_this_installation(tmp_path: Path) -> None:
    here, there = settings(tmp_path / "here"), settings(tmp_path / "there")
    found = keyed_hash("ann", here)
    key = tmp_path / "here" / "config" / "audit" / "key"
    assert found == hmac.new(key.read_bytes(), b"ann", hashlib.sha256).hexdigest() == keyed_hash("ann", here)
    assert len(key.read_bytes()) == KEY_BYTES and not (tmp_path / "here" / "state").exists()
    assert len({found, keyed_hash("bob", here), keyed_hash("ann", there), hashlib.sha256(b"ann").hexdigest()}) == 4
    if os.name == "posix":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "here" / "config").iterdir()] == ["audit"]


def test_without_its_key_a_log_is_nobodys(tmp_path: Path) -> None:
    work = Work(identities=("ann",), consents=("self",))
    before = work.people(settings(tmp_path))
    (tmp_path / "config" / "audit" / "key").unlink()
    (tmp_path / "config" / "audit").rmdir()
    after = work.people(settings(tmp_path))
    assert before["consents"] == after["consents"] == ["self"] and before["identities"] != after["identities"]


def test_a_key_that_is_none(tmp_path: Path) -> None:
    keyed_hash("ann", settings(tmp_path))
    (tmp_path / "config" / "audit" / "key").write_bytes(b"short")
    with pytest.raises(ProvenanceError, match="has 5 bytes, 32 expected"):
        keyed_hash("ann", settings(tmp_path))
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ProvenanceError, match=r"cannot be kept(.|\n)*FACESDK_HOME"):
        keyed_hash("ann", Settings(config_folder=tmp_path / "file"))


def _hash(folder: Path, out: multiprocessing.Queue[str]) -> None:
    out.put(keyed_hash("ann", settings(folder)))


@pytest.mark.skipif(os.name != "posix", reason="the processes are forked")
def test_several_processes_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    workers = [context.Process(target=_hash, args=(tmp_path, out)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found = {out.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join(30)
    assert len(found) == 1
