"""FastAPI and uvicorn, imported when a server is started: nothing else needs them."""

from __future__ import annotations

import importlib

from facesdk.errors import BackendError

NEEDED = ("fastapi", "uvicorn", "python_multipart", "websockets")


def require_web() -> None:
    """Checks that what the extra "serve" brings is there.

    Raises:
        BackendError: something is missing.
    """
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise BackendError(
                f"facesdk serve needs {name}, which cannot be loaded: {error}.", "pip install facesdk[serve]"
            ) from error
