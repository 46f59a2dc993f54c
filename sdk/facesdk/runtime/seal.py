"""What this installation made and may load again without a question: sealed with a key that it alone has.

An engine is a program. One that TensorRT deserialises runs in this process, and TensorRT does not check it; so a file
of the cache is loaded only if this installation wrote each of its bytes, under the very name that it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from facesdk.errors import BackendError
from facesdk.runtime.state_files import read_state, write_state
from facesdk.settings import Settings

MAGIC = b"facesdk seal 1\n"
MAC_BYTES = 32
KEY_BYTES = 32
KEY_FILE = "cache.key"
MOST_BYTES = 16 << 30


class Seal:
    """Writes sealed files and reads them back.

    Args:
        key_file: 32 random bytes, made with the first file that is sealed; whoever reads it can forge one.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    @classmethod
    def of(cls, settings: Settings) -> Seal:
        """The seal of this installation."""
        return cls(settings.config_folder / KEY_FILE)

    def write(self, path: Path, data: bytes) -> None:
        """Writes a file under its seal; the file's name is sealed with it.

        Raises:
            BackendError: the key cannot be made or read.
            OSError: the file cannot be written.
        """
        write_state(path, MAGIC, self._mac(self._key(make=True), path.name, data), data)

    def read(self, path: Path) -> bytes | None:
        """What `write` was given, or None: there is no such file, or one that this installation did not write so."""
        stored = read_state(path, MOST_BYTES)
        head = len(MAGIC) + MAC_BYTES
        if stored is None or len(stored) < head or not stored.startswith(MAGIC):
            return None
        try:
            key = self._key(make=False)
        except BackendError:
            return None
        data = stored[head:]
        return data if hmac.compare_digest(self._mac(key, path.name, data), stored[len(MAGIC) : head]) else None

    def _mac(self, key: bytes, name: str, data: bytes) -> bytes:
        mac = hmac.new(key, MAGIC + hashlib.sha256(name.encode()).digest(), hashlib.sha256)
        mac.update(data)
        return mac.digest()

    def _key(self, make: bool) -> bytes:
        if make:
            self._make_key()
        key = read_state(self._key_file, KEY_BYTES)
        if key is None or len(key) != KEY_BYTES:
            raise BackendError(
                f"{self._key_file}, which seals this installation's engines, is missing or damaged.",
                "Delete it; engines and measurements are then made anew.",
            )
        return key

    def _make_key(self) -> None:
        if self._key_file.exists():
            return
        temporary = self._key_file.with_name(f".{KEY_FILE}.{secrets.token_hex(6)}.tmp")
        try:
            write_state(temporary, secrets.token_bytes(KEY_BYTES))
            # A link, and no rename: another process may have made its key in the meantime, and that one counts.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, self._key_file)
        except OSError as error:
            raise BackendError(
                f"{self._key_file} cannot be written: {error.strerror}.", "Check FACESDK_HOME."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
