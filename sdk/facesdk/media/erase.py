"""Erases a file: its bytes are overwritten before its name goes."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from facesdk.errors import MediaError

LIMITS = (
    "On an SSD, on a file system that copies on write (btrfs, ZFS, APFS) and in snapshots, backups and synchronised "
    "folders older copies may live on: no program can overwrite those."
)
"""What erasing cannot promise."""
_BLOCK = 1 << 20


def erase_file(path: Path) -> None:
    """Overwrites a file with random bytes, waits until they are on the disk, and deletes it under another name.

    A link is not followed, and what has several names is refused: the bytes would be gone under all of them.

    Args:
        path: the file.

    Raises:
        MediaError: it is not there, no plain file, or cannot be overwritten; then it is not deleted either.
    """
    try:
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "wb", buffering=0) as stream:
            info = os.fstat(stream.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise MediaError(f"{path} is no plain file. Not erased.", "Check the path.")
            if info.st_nlink > 1:
                raise MediaError(
                    f"{path} has {info.st_nlink} names (hard links). Not erased.", "Delete the other names first."
                )
            left = info.st_size
            while left > 0:
                left -= stream.write(secrets.token_bytes(min(left, _BLOCK)))
            os.fsync(stream.fileno())
            stream.truncate(0)
            os.fsync(stream.fileno())
        # The name may say whose face it was; journals of file systems keep the last one.
        nameless = path.with_name(f".{secrets.token_hex(8)}.erased")
        os.rename(path, nameless)
        nameless.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise MediaError(
            f"{path} cannot be erased: {error.strerror}.", "Check the path, and that you may write to it."
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        # There a folder cannot be opened as a file.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
