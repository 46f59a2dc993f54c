"""Which keys' packs are opened on this machine: the project's, this machine's own, and those that its user added.

A pack that is written here is signed with this machine's own key, which no other machine trusts: so who trains and
exports needs no ceremony to run the result, and it becomes a pack for others only when its maker signs it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from facesdk.errors import PackError
from facesdk.pack.key_files import new_private_key, public_pem, read_private_key, read_public_key
from facesdk.pack.root_keys import ROOT_KEYS
from facesdk.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "packs"
MACHINE = "this machine"
_MACHINE_KEY, _MACHINE_PUBLIC, _THIRD = "machine.pem", "machine.pub.pem", ".trusted.pem"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def trusted_keys(settings: Settings) -> dict[str, str]:
    """Public key, 64 hexadecimal digits -> whose it is.

    Raises:
        PackError: a file with a key cannot be read.
    """
    folder = settings.config_folder / FOLDER
    keys = {}
    if folder.is_dir():
        for path in sorted(folder.glob(f"*{_THIRD}")):
            keys[read_public_key(path)] = path.name.removesuffix(_THIRD)
        if (folder / _MACHINE_PUBLIC).is_file():
            keys[read_public_key(folder / _MACHINE_PUBLIC)] = MACHINE
    return keys | {key: name for name, key in ROOT_KEYS.items()}


def machine_key(settings: Settings) -> Ed25519PrivateKey:
    """This machine's own key; made on first use, readable by its user alone.

    Raises:
        PackError: it cannot be written or read.
    """
    folder = settings.config_folder / FOLDER
    path = folder / _MACHINE_KEY
    if not path.exists():
        try:
            new_private_key(path)
        except PackError:
            # Another process may have been first; its key is as good.
            if not path.exists():
                raise
    key = read_private_key(path)
    public = key.public_key().public_bytes_raw().hex()
    if not (folder / _MACHINE_PUBLIC).is_file():
        _write(folder / _MACHINE_PUBLIC, public_pem(public))
    return key


def trust(key_file: Path, name: str, settings: Settings) -> str:
    """Adds a third party's key.

    Args:
        key_file: their public key, PEM.
        name: what the party is called from now on.
        settings: say where it is kept.

    Returns:
        The key, 64 hexadecimal digits.

    Raises:
        PackError: no such key, a name that cannot be used or is taken, or it cannot be written.
    """
    if not _NAME.fullmatch(name) or name in ROOT_KEYS:
        raise PackError(f"{name!r} cannot be a signer's name.", "Use small letters and digits: --name acme")
    key = read_public_key(key_file)
    target = settings.config_folder / FOLDER / f"{name}{_THIRD}"
    if target.exists() and read_public_key(target) != key:
        raise PackError(f"another key is trusted as {name!r} already.", "Choose another --name, or distrust that one.")
    _write(target, public_pem(key))
    return key


def distrust(name: str, settings: Settings) -> None:
    """Takes a third party's key away.

    Raises:
        PackError: none is called so, or its file cannot be deleted.
    """
    path = settings.config_folder / FOLDER / f"{name}{_THIRD}"
    if not _NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(third_parties(settings))) or "none"
        raise PackError(f"no key is trusted as {name!r}; those that are: {known}.", "facesdk packs keys")
    try:
        path.unlink()
    except OSError as error:
        raise PackError(f"{path} cannot be deleted: {error.strerror}.", "Delete it by hand.") from error


def third_parties(settings: Settings) -> dict[str, str]:
    """Whose -> public key, of those that the user added."""
    folder = settings.config_folder / FOLDER
    return {path.name.removesuffix(_THIRD): read_public_key(path) for path in sorted(folder.glob(f"*{_THIRD}"))}


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PackError(f"{path} cannot be written: {error.strerror}.", "Make its folder writable.") from error
