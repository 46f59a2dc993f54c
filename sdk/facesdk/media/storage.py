"""Where a film's files are made: the one place that a test replaces to make the disk full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class Storage:
    """Files that are whole, or not there. Every write of a film's job goes through one of these."""

    def create(self, path: Path) -> BinaryIO:
        """Opens a new file for writing and seeking; an old one is replaced."""
        return open(path, "w+b")

    def publish(self, temporary: Path, path: Path) -> None:
        """Makes a file that was written under another name safe, and gives it its name."""
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        self.sync_folder(path.parent)

    def append(self, path: Path, data: bytes) -> None:
        """Adds to the end of a file and waits until it is on the disk."""
        with open(path, "ab") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def write(self, path: Path, data: bytes) -> None:
        """Writes a whole file, by another name first."""
        temporary = path.with_name(path.name + ".tmp")
        try:
            with self.create(temporary) as stream:
                stream.write(data)
            self.publish(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def sync_folder(self, folder: Path) -> None:
        """Waits until the names in a folder are on the disk, where the system can."""
        if os.name != "posix":
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
