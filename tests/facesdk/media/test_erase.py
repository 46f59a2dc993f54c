"""Erasing: the bytes go before the name does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facesdk.errors import MediaError
from facesdk.media.erase import erase_file


def test_the_bytes_are_overwritten_before_the_name_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = bytes(range(256)) * 9000
    path = tmp_path / "me.identity"
    path.write_bytes(secret)
    seen = []
    real = os.fsync

    def watch(handle: int) -> None:
        real(handle)
        if path.exists():
            seen.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", watch)
    erase_file(path)
    assert [len(data) for data in seen] == [len(secret), 0] and secret[:64] not in seen[0]
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_erased(tmp_path: Path) -> None:
    path, link, other = tmp_path / "a", tmp_path / "link", tmp_path / "other"
    path.write_bytes(b"face")
    link.symlink_to(path)
    with pytest.raises(MediaError, match="cannot be erased"):
        erase_file(link)
    os.link(path, other)
    with pytest.raises(MediaError, match="2 names"):
        erase_file(path)
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(MediaError):
            erase_file(wrong)
    assert path.read_bytes() == b"face" == link.read_bytes()
