"""Signs a pack's manifest, and checks such a signature: Ed25519 over the very bytes of manifest.json.

Why `cryptography` is a dependency of the base install: this check decides which bytes reach a runtime, so it is no
place for own arithmetic; the package is 4 MB, kept by the Python Cryptographic Authority, and imported on use only.

Source: RFC 8032.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from facesdk.errors import PackError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE_FILE = "manifest.sig"
MAX_SIGNATURE_BYTES = 4096
CONTEXT = b"facesdk pack manifest, signature format 1\n"
"""Stands before the manifest in what is signed, so that no signature of the key means anything else."""
CURE = "Reinstall the pack, or ask who made it. Nothing of it was used."

_FORMAT = 1
_KEYS = {"format", "algorithm", "key", "signature"}


def sign_manifest(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """What manifest.sig holds.

    Args:
        manifest: the bytes of manifest.json.
        key: the signer's.
    """
    document = {
        "format": _FORMAT,
        "algorithm": "ed25519",
        "key": key.public_key().public_bytes_raw().hex(),
        "signature": key.sign(CONTEXT + manifest).hex(),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def check_signature(manifest: bytes, signature: bytes, trusted: Mapping[str, str], where: str) -> str | None:
    """Checks a signature.

    Args:
        manifest: the bytes of manifest.json.
        signature: the bytes of manifest.sig.
        trusted: public key, 64 hexadecimal digits -> whose it is.
        where: how errors call the pack.

    Returns:
        Whose signature it is, or None for a key that is not trusted.

    Raises:
        PackError: it is no signature, or not of these bytes. That is so whether its key is trusted or not.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise PackError(
            f"pack {where}: its signature cannot be checked ({error}). Not opened.", "pip install cryptography"
        ) from error
    key, value = _parse(signature, where)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(value), CONTEXT + manifest)
    except (InvalidSignature, ValueError) as error:
        raise PackError(
            f"pack {where}: manifest.json is not what was signed: one of it and {SIGNATURE_FILE} was changed. "
            "Not opened.",
            CURE,
        ) from error
    return trusted.get(key)


def signing_key_of(signature: bytes, where: str) -> str:
    """The public key that a signature names, 64 hexadecimal digits. It proves nothing yet.

    Raises:
        PackError: it is no signature.
    """
    return _parse(signature, where)[0]


def _parse(signature: bytes, where: str) -> tuple[str, str]:
    try:
        document = json.loads(signature) if len(signature) <= MAX_SIGNATURE_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if (
        not isinstance(document, dict)
        or set(document) != _KEYS
        or document["format"] != _FORMAT
        or document["algorithm"] != "ed25519"
        or not _is_hex(document["key"], 64)
        or not _is_hex(document["signature"], 128)
    ):
        raise PackError(f"pack {where}: {SIGNATURE_FILE} is no signature that this facesdk reads. Not opened.", CURE)
    return document["key"], document["signature"]


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and set(value) <= set("0123456789abcdef")
