"""A folder of secrets that is there whole or not at all, readable by its user alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_key_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files under another name and gives the folder its name at once.

    Where another process was first, its folder stays: one key is as good as the other.

    Args:
        folder: that does not exist yet; its parents are made.
        files: name -> contents; the first is the one by which a whole folder is known.

    Raises:
        OSError: it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, data in files.items():
            handle = os.open(temporary / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        try:
            os.rename(temporary, folder)
        except OSError:
            if not (folder / next(iter(files))).exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
