"""What is known of how a picture or film was made, for its manifest and for the user's own log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facesdk.provenance.audit_key import keyed_hash
from facesdk.settings import Settings


@dataclass(frozen=True)
class Work:
    """How something was made.

    Attributes:
        parent: the picture that was changed, as its file's bytes, or the film as its path; None if there is none, or
            it was no file. Its own credentials are kept in the new file's manifest; its pixels and its name are not.
        identities: ids of the identities that went into it; hashed with a key before they are written anywhere.
        consents: on what basis each of them may be used: "self", "given" or "synthetic", and whether that was checked
            before a camera.
    """

    parent: bytes | Path | None = None
    identities: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()

    def people(self, settings: Settings | None = None) -> dict[str, list[str]]:
        """Who went into it, as the audit log keeps it: keyed hashes and bases.

        Raises:
            ProvenanceError: the key cannot be read or made.
        """
        return {
            "identities": [keyed_hash(name, settings) for name in self.identities],
            "consents": list(self.consents),
        }


UNKNOWN = Work()
