"""Ed25519 keys in files: PEM, the private one readable by its user alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from facesdk.errors import PackError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_KEY_BYTES = 4096


def new_private_key(path: Path) -> Ed25519PrivateKey:
    """Makes a key and writes it, PKCS 8, mode 0600.

    Raises:
        PackError: there is a file already, or it cannot be written.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(pem)
                stream.flush()
                os.fsync(stream.fileno())
            # A link, and no rename: it fails where another process made its key in the meantime.
            os.link(temporary, path)
        finally:
            temporary.unlink()
    except FileExistsError as error:
        raise PackError(f"{path} exists already: a key is never overwritten.", "Choose another file.") from error
    except OSError as error:
        raise PackError(f"{path} cannot be written: {error.strerror}.", "Choose another folder.") from error
    return key


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Reads what `new_private_key` wrote.

    Raises:
        PackError: it cannot be read, or is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise PackError(f"{path} is no Ed25519 private key in PEM.", "Make one: python -m export keygen")
    return key


def public_pem(key: str) -> bytes:
    """A public key as a file.

    Args:
        key: 64 hexadecimal digits.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    return public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def read_public_key(path: Path) -> str:
    """Reads a public key.

    Returns:
        64 hexadecimal digits.

    Raises:
        PackError: it cannot be read, or is no such key; a private one is refused, as nobody should hand it round.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read(path)
    if b"PRIVATE KEY" in data:
        raise PackError(f"{path} is a private key.", "Give its public half: the file that ends in .pub.pem")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise PackError(f"{path} is no Ed25519 public key in PEM.", "Ask who made the pack for their .pub.pem file.")
    return key.public_bytes_raw().hex()


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_KEY_BYTES)
    except OSError as error:
        raise PackError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
