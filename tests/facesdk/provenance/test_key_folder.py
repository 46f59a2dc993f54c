"""A folder of secrets is whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from facesdk.provenance.key_folder import write_key_folder


def test_it_is_readable_by_its_user_alone_and_leaves_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "settings" / "keys"
    write_key_folder(folder, {"a": b"secret", "b": b"chain"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"secret", "b": b"chain"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    assert os.listdir(folder.parent) == ["keys"]


def test_who_was_first_keeps_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    write_key_folder(folder, {"a": b"first"})
    write_key_folder(folder, {"a": b"second"})
    assert (folder / "a").read_bytes() == b"first" and os.listdir(tmp_path) == ["keys"]


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "other").write_bytes(b"")
    with pytest.raises(OSError):
        write_key_folder(folder, {"a": b"secret"})
    assert os.listdir(tmp_path) == ["keys"] and os.listdir(folder) == ["other"]
