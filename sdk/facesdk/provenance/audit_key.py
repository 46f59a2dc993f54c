"""The key behind the hashes of people in the audit log: the log alone does not say of anybody that they are in it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from facesdk.errors import ProvenanceError
from facesdk.provenance.key_folder import write_key_folder
from facesdk.settings import Settings

FOLDER, _KEY = "audit", "key"
KEY_BYTES = 32


def keyed_hash(text: str, settings: Settings | None = None) -> str:
    """HMAC-SHA256 under this installation's key, which is made on first use.

    A plain hash of an identity could be made again by whoever has the person's pictures. Without the key this one
    cannot, and when the key's folder is deleted no line of the log can be tied to anybody any more.

    Args:
        text: an identity's id, or a consent statement.
        settings: says where the key is kept; read from the environment by default.

    Returns:
        64 hexadecimal digits.

    Raises:
        ProvenanceError: the key cannot be made or read, or is none.
    """
    return hmac.new(_audit_key(settings or Settings.from_environment()), text.encode(), hashlib.sha256).hexdigest()


def _audit_key(settings: Settings) -> bytes:
    # In the configuration folder: who is given the state folder with the log is not given the key.
    folder = settings.config_folder / FOLDER
    try:
        if not (folder / _KEY).exists():
            _make(folder)
        key = (folder / _KEY).read_bytes()
    except OSError as error:
        raise ProvenanceError(
            f"the audit log's key cannot be kept in {folder}: {error.strerror}.",
            "Make the folder writable, or name another one with FACESDK_HOME.",
        ) from error
    if len(key) != KEY_BYTES:
        raise ProvenanceError(
            f"{folder / _KEY} has {len(key)} bytes, {KEY_BYTES} expected.",
            "Delete it: a new one is made, and older lines of the log cannot be tied to identities any more.",
        )
    return key


def _make(folder: Path) -> None:
    """Makes the key."""
    write_key_folder(folder, {_KEY: secrets.token_bytes(KEY_BYTES)})
