"""The library c2pa-python, imported when the first manifest is written or read: it is an extra."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any

from facesdk.errors import ProvenanceError

EXTRA = "install facesdk[c2pa]"


@lru_cache(maxsize=1)
def has_c2pa() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("c2pa", "cryptography"))


def require_c2pa() -> Any:
    """The module `c2pa`.

    Raises:
        ProvenanceError: it is not installed, or cannot be loaded.
    """
    try:
        import c2pa
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ProvenanceError(f"C2PA manifests need c2pa-python, which cannot be loaded: {error}.", EXTRA) from error
    return c2pa
