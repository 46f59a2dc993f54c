"""Whose packs are opened without a question."""

from __future__ import annotations

ROOT_KEYS = {"facesdk": "fc4c7cae4f785028acf01daaf183b35addc2894efc600786ab3b361a6ca86ef0"}
"""Name -> Ed25519 public key, 64 hexadecimal digits. The private halves are in no repository and in no package."""
