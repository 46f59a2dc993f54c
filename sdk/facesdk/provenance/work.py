"""What is known of how a picture or film was made, for its manifest and for the user's own log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """How something was made.

    Attributes:
        parent: the picture that was changed, as its file's bytes, or the film as its path; None if there is none, or
            it was no file. Its own credentials are kept in the new file's manifest; its pixels and its name are not.
        identities: ids of the identities that went into it. They are hashed before they are written anywhere.
        consents: on what basis each of them may be used: "self", "given" or "synthetic".
    """

    parent: bytes | Path | None = None
    identities: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()

    @property
    def identity_hashes(self) -> tuple[str, ...]:
        """SHA-256 of each id."""
        return tuple(hashlib.sha256(name.encode()).hexdigest() for name in self.identities)


UNKNOWN = Work()
