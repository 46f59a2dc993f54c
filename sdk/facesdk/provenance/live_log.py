"""The lines of a live session in the audit log: when it began and ended, whose faces, how many pictures."""

from __future__ import annotations

import logging
import secrets

from facesdk.errors import ProvenanceError
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.work import Work

_log = logging.getLogger("facesdk.provenance")


class LiveLog:
    """One live session. Two lines, tied by a random number; a session that was killed has no second one.

    Args:
        work: whose faces.
        sink: what kind of place the pictures go to; no name and no path.
        badge: whether every picture carries the badge "AI".
    """

    def __init__(self, work: Work, sink: str, badge: bool = True) -> None:
        self._work = work
        self._sink = sink
        self._badge = badge
        self._session = secrets.token_hex(8)
        self._is_open = False

    def begin(self) -> None:
        """Writes the first line.

        Raises:
            ProvenanceError: the log cannot be written, and the pictures have no badge: they need the line.
        """
        facts = {"event": "start", "sink": self._sink, "badge": self._badge}
        try:
            AuditLog().append({"kind": "live", "session": self._session, **facts, **self._work.people()})
            self._is_open = True
        except ProvenanceError as error:
            if not self._badge:
                raise
            _log.warning("%s The live pictures are marked and shown all the same.", error)

    def end(self, frames: int, swapped: int, ended_by: str) -> None:
        """Writes the second line; does nothing if there is no first one, or it was written.

        Args:
            frames: pictures that were shown.
            swapped: those of them with a swap.
            ended_by: why it is over.
        """
        if not self._is_open:
            return
        self._is_open = False
        facts = {"event": "end", "frames": frames, "swapped": swapped, "ended_by": ended_by}
        try:
            AuditLog().append({"kind": "live", "session": self._session, **facts})
        except ProvenanceError as error:
            _log.warning("%s The live session has ended all the same.", error)
