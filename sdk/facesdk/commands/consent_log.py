"""Writes into the audit log that a face was enrolled or erased."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit import AuditLog

if TYPE_CHECKING:
    from facesdk.identity import Identity

_log = logging.getLogger("facesdk.provenance")


def log_identity(kind: Literal["enroll", "forget"], identity: Identity | None) -> None:
    """Adds an entry: hashes, level, uses and end; no name, no path, no face.

    Args:
        kind: what was done.
        identity: with whom; None for one that could not be read.
    """
    facts = {} if identity is None else {"identity": identity.id, **identity.consent.facts()}
    try:
        AuditLog().append({"kind": kind, **facts})
    except ProvenanceError as error:
        _log.warning("%s It was done all the same.", error)
