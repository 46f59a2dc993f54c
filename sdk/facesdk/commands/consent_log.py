"""Writes into the audit log that a face was enrolled or erased."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.audit_key import keyed_hash

if TYPE_CHECKING:
    from facesdk.identity import Identity

_log = logging.getLogger("facesdk.provenance")


def log_identity(kind: Literal["enroll", "forget"], identity: Identity | None) -> None:
    """Adds an entry: keyed hashes, level, uses and end; no name, no path, no face.

    Args:
        kind: what was done.
        identity: with whom; None for one that could not be read.
    """
    facts: dict[str, str] = {}
    try:
        if identity is not None:
            # The statement may name a person, and names can be guessed: it is hashed with the key, too.
            digest = keyed_hash(identity.consent.to_json())
            facts = {"identity": keyed_hash(identity.id), **identity.consent.facts(), "consent": digest}
        AuditLog().append({"kind": kind, **facts})
    except ProvenanceError as error:
        _log.warning("%s It was done all the same.", error)
