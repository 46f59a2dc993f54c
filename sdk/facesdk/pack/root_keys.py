"""Whose packs are opened without a question."""

from __future__ import annotations

ROOT_KEYS = {"facesdk": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3"}
"""Name -> Ed25519 public key, 64 hexadecimal digits. The private halves are in no repository and in no package."""
