"""Signs packs that a test has changed, as their maker would."""

from __future__ import annotations

from pathlib import Path

from facesdk.pack.signature import SIGNATURE_FILE, sign_manifest
from facesdk.pack.trusted_keys import machine_key
from facesdk.settings import Settings


def sign_again(folder: Path) -> Path:
    """Signs a pack's manifest as it is now with the key of the tests' own machine."""
    data = (folder / "manifest.json").read_bytes()
    (folder / SIGNATURE_FILE).write_bytes(sign_manifest(data, machine_key(Settings.from_environment())))
    return folder
