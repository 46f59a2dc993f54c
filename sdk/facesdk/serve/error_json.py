"""An error of the SDK as the browser gets it: {what, cure} and a status of HTTP."""

from __future__ import annotations

from facesdk.errors import ConsentError, ContentError, FacesdkError, InputError, MediaError


class ForgottenError(InputError):
    """An enrolled face is not there any more."""


class BusyError(FacesdkError):
    """Too much is asked at once."""


_STATUS: tuple[tuple[type[FacesdkError], int], ...] = (
    (ForgottenError, 404),
    (BusyError, 503),
    (ConsentError, 403),
    (ContentError, 403),
    (InputError, 422),
    (MediaError, 422),
)


def error_status(error: FacesdkError) -> int:
    """The status that says whose fault it is: 4xx the request's, 5xx the server's."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_json(error: FacesdkError) -> dict[str, str]:
    """What happened and what to do, apart."""
    text = str(error)
    return {"what": text.removesuffix(f"\n  {error.cure}") if error.cure else text, "cure": error.cure}
