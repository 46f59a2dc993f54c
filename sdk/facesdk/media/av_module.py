"""PyAV, imported when the first film is opened: pictures do not need it."""

from __future__ import annotations

from types import ModuleType

from facesdk.errors import MediaError


def require_av() -> ModuleType:
    """The module `av`.

    Raises:
        MediaError: it is not installed, or too old.
    """
    try:
        import av
    except ImportError as error:
        raise MediaError(f"films need PyAV, which cannot be loaded: {error}.", "pip install facesdk[video]") from error
    if int(av.__version__.split(".")[0]) < 18:
        raise MediaError(f"films need PyAV 18 or later, {av.__version__} is installed.", "pip install facesdk[video]")
    # FFmpeg would write its complaints about damaged films to stderr; they are counted and reported instead.
    av.logging.set_level(None)
    return av
