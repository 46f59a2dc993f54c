"""What the runtime keeps for itself from start to start: written whole, read with a bound, never through a link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

# Windows has no such flag; there a link needs a privilege of its own.
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Opening a pipe would wait for somebody to write into it.
NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def write_state(path: Path, *parts: bytes) -> None:
    """Writes a file that only the user can read: all of it, or the old one stays. Its folder is made.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.parent / f".{path.name[:100]}.{secrets.token_hex(6)}.tmp"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o600)
        with os.fdopen(handle, "wb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_state(path: Path, most_bytes: int) -> bytes | None:
    """What `write_state` wrote.

    Returns:
        None if there is none, it is larger, or something else than a plain file of this user.
    """
    try:
        handle = os.open(path, os.O_RDONLY | NO_LINK | NO_WAIT)
    except OSError:
        return None
    try:
        about = os.fstat(handle)
        foreign = hasattr(os, "getuid") and about.st_uid != os.getuid()
        if foreign or not stat.S_ISREG(about.st_mode) or about.st_size > most_bytes:
            return None
        with open(handle, "rb", closefd=False) as stream:
            data = stream.read(most_bytes + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    return data if len(data) <= most_bytes else None
