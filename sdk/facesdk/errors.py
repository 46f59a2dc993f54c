"""Errors: each says what, got, expected, and what to do."""

from __future__ import annotations


class FacesdkError(Exception):
    """Base of every error that facesdk raises on purpose.

    Attributes:
        cure: what the user can do, one or two sentences, or "".
        exit_code: what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(f"{message}\n  {cure}" if cure else message)
        self.cure = cure


class InputError(FacesdkError):
    """What the caller passed cannot be used: wrong shape, range, name, or no face in the picture."""

    exit_code = 2


class MediaError(FacesdkError):
    """A picture or film could not be read or written."""

    exit_code = 3


class PackError(FacesdkError):
    """A pack is missing, damaged, too new or of the wrong family."""

    exit_code = 4


class BackendError(FacesdkError):
    """A runtime is not installed, or does not do what was asked of it."""

    exit_code = 4


class OutOfMemoryError(BackendError):
    """A runtime found no room, on the GPU or in this machine's memory; a smaller batch may still run."""


class ConsentError(FacesdkError):
    """A source identity has no consent statement, or it does not cover the use."""

    exit_code = 5


class ContentError(FacesdkError):
    """The content check that is installed refused what a picture shows."""

    exit_code = 5


class ProvenanceError(FacesdkError):
    """An output could not be marked, so it was not written."""

    exit_code = 5
