"""Signs a pack for others, with a key that its maker keeps; and makes such keys."""

from __future__ import annotations

from pathlib import Path

from facesdk.errors import PackError
from facesdk.media.sink import write_atomic
from facesdk.pack import Pack
from facesdk.pack.key_files import new_private_key, public_pem, read_private_key
from facesdk.pack.signature import SIGNATURE_FILE, sign_manifest
from facesdk.pack.trusted_keys import machine_key
from facesdk.settings import Settings

PUBLIC = ".pub.pem"


def make_key(path: Path) -> tuple[str, Path]:
    """Makes a key pair: the private half at `path`, mode 0600, and the public half beside it.

    Args:
        path: ends in .pem; outside of any repository.

    Returns:
        The public key, 64 hexadecimal digits, and its file.

    Raises:
        PackError: a file is there already, or cannot be written.
    """
    public_path = path.with_name(path.stem + PUBLIC)
    if path.suffix != ".pem" or path.name.endswith(PUBLIC):
        raise PackError(f"{path}: a private key's file ends in .pem.", "Example: -o keys/acme.pem")
    if public_path.exists():
        raise PackError(f"{public_path} exists already: a key is never overwritten.", "Choose another file.")
    key = new_private_key(path).public_key().public_bytes_raw().hex()
    write_atomic(public_path, public_pem(key))
    return key, public_path


def sign_pack(folder: Path, key_file: Path | None) -> str:
    """Verifies every byte of a pack against its manifest, and signs that.

    Args:
        folder: the pack.
        key_file: the private key, PEM; None signs with this machine's own, which no other machine trusts.

    Returns:
        The public key, 64 hexadecimal digits.

    Raises:
        PackError: the pack or the key is faulty; the pack is then as it was.
    """
    key = machine_key(Settings.from_environment()) if key_file is None else read_private_key(key_file)
    pack = Pack.before_signing(folder)
    pack.verify()
    write_atomic(folder / SIGNATURE_FILE, sign_manifest(pack.manifest_bytes, key))
    return key.public_key().public_bytes_raw().hex()
