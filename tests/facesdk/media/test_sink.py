"""Pictures out: all of the file or nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError, MediaError
from facesdk.media.image import load_image
from facesdk.media.sink import EXTENSIONS, check_writable, encode_image, save_image, write_atomic

_Y, _X = np.mgrid[0:24, 0:32]
IMAGE = np.stack([_X * 8, _Y * 10, 255 - _X * 4], -1).astype(np.uint8)


@pytest.mark.parametrize("extension", [*EXTENSIONS, ".PNG"])
def test_round_trip(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    save_image(path, IMAGE, metadata=None)
    loaded = load_image(path)
    if extension.lower() in (".png", ".tif", ".tiff"):
        np.testing.assert_array_equal(loaded, IMAGE)
    else:
        assert np.abs(loaded.astype(int) - IMAGE).mean() < 3
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_jpeg_keeps_colour_resolution(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 255, 255
    save_image(tmp_path / "a.jpg", stripes, metadata=None)
    assert np.abs(load_image(tmp_path / "a.jpg").astype(int) - stripes).mean() < 8


def test_what_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    cases = {
        tmp_path / "none" / "a.png": "there is no folder",
        tmp_path / "folder.png": "it is a folder",
        tmp_path / "a.gif": r"not written as '\.gif'",
        tmp_path / "a": "files without extension",
    }
    for path, message in cases.items():
        with pytest.raises(MediaError, match=message) as info:
            check_writable(path)
        assert info.value.cure and info.value.exit_code == 3
    assert check_writable(tmp_path / "a.png") == tmp_path / "a.png"


def test_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write everywhere, so the system's answer is put in its place.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(MediaError, match="no permission"):
        save_image(tmp_path / "a.png", IMAGE, metadata=None)


def test_full_disk_keeps_the_old_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MediaError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a.png", b"new")
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_users_permissions(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a.png", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o644


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep")
    (tmp_path / "a.png").symlink_to(tmp_path / "precious.txt")
    save_image(tmp_path / "a.png", IMAGE, metadata=None)
    assert (tmp_path / "precious.txt").read_text() == "keep" and not (tmp_path / "a.png").is_symlink()


def test_limits_of_formats() -> None:
    with pytest.raises(MediaError, match="cannot be encoded as WEBP"):
        encode_image(np.zeros((1, 20_000, 3), np.uint8), "WEBP", None)
    with pytest.raises(InputError, match="quality=0"):
        encode_image(IMAGE, "JPEG", None, quality=0)
    with pytest.raises(MediaError, match="not written as GIF"):
        encode_image(IMAGE, "GIF", None)
