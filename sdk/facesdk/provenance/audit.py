"""The user's own log of what left facesdk: a chain of hashes in a file that stays on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facesdk.errors import MediaError, ProvenanceError
from facesdk.media.sink import write_atomic
from facesdk.settings import Settings

LOG_NAME, HEAD_NAME = "audit.jsonl", "audit.head"
START = "0" * 64
"""What stands before the first entry."""


@dataclass(frozen=True)
class AuditReport:
    """What became of a log.

    Attributes:
        path: the log.
        entries: how many entries hold.
        raw: how many of them say that a file was written without marks.
        head: hash of the last one; who keeps it elsewhere can prove that nothing was cut off at the end.
        fault: what does not hold, or "".
    """

    path: Path
    entries: int
    raw: int
    head: str
    fault: str = ""

    @property
    def ok(self) -> bool:
        """Whether every entry holds."""
        return not self.fault


class AuditLog:
    """The log: one line of JSON an entry, each with the hash of the one before it.

    No entry has pixels, names, paths, embeddings or what a consent says: only hashes, kinds and times. An entry that
    was changed, taken out, put in or moved breaks the chain. Entries cut off at the end are missed in the head file;
    who rewrites both, with all hashes, is found out only by a head that was kept elsewhere.

    Args:
        settings: says where it is; read from the environment by default.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        folder = (settings or Settings.from_environment()).state_folder
        self.path = folder / LOG_NAME
        self._head = folder / HEAD_NAME

    def append(self, facts: Mapping[str, Any]) -> str:
        """Adds an entry and waits until it is on the disk.

        Args:
            facts: JSON values.

        Returns:
            The entry's hash.

        Raises:
            ProvenanceError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "r+b") as stream, _locked(stream):
                number, previous = _last(stream)
                when = datetime.now(UTC).isoformat(timespec="milliseconds")
                entry = {"entry": number + 1, "time": when, **facts, "previous": previous}
                entry["hash"] = _hash(entry)
                stream.seek(0, os.SEEK_END)
                stream.write(_canonical(entry) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                write_atomic(self._head, _canonical({"entries": number + 1, "hash": entry["hash"]}) + b"\n")
        except (OSError, MediaError) as error:
            # The head's writer says all of it already; its first line is enough.
            why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0].rstrip(".")
            raise ProvenanceError(
                f"the audit log {self.path} cannot be written: {why}.",
                "Make its folder writable, or name another one with FACESDK_HOME.",
            ) from error
        return str(entry["hash"])

    def verify(self) -> AuditReport:
        """Checks every entry. A log that is not there has no entries, and holds."""
        count, raw, previous = 0, 0, START
        fault = ""
        hashes = {0: START}
        lines = self.path.read_bytes().splitlines() if self.path.is_file() else []
        for line in lines:
            try:
                entry = json.loads(line)
                claimed = entry.pop("hash")
                holds = entry["previous"] == previous and entry["entry"] == count + 1 and claimed == _hash(entry)
            except (ValueError, KeyError, TypeError, AttributeError):
                holds = False
            if not holds:
                fault = f"entry {count + 1} was changed, or one before it was taken out or put in"
                break
            count, previous = count + 1, claimed
            raw += entry.get("raw") is True
            hashes[count] = claimed
        if not fault:
            fault = self._compare_head(hashes)
        return AuditReport(self.path, count, raw, previous, fault)

    def _compare_head(self, hashes: Mapping[int, str]) -> str:
        """What the head file says against the log; a crash may have left it an entry behind."""
        if not self._head.is_file():
            return "" if len(hashes) == 1 else "its head file is missing"
        try:
            head = json.loads(self._head.read_bytes())
            entries, claimed = int(head["entries"]), str(head["hash"])
        except (ValueError, KeyError, TypeError):
            return "its head file cannot be read"
        if entries not in hashes:
            return f"it ends at entry {len(hashes) - 1}, and {entries} were written"
        return "" if hashes[entries] == claimed else "its head file does not belong to it"


def _last(stream: Any) -> tuple[int, str]:
    """Number and hash of the last entry."""
    end = stream.seek(0, os.SEEK_END)
    if not end:
        return 0, START
    stream.seek(max(0, end - (1 << 16)))
    line = stream.read().splitlines()[-1]
    try:
        entry = json.loads(line)
        return int(entry["entry"]), str(entry["hash"])
    except (ValueError, KeyError, TypeError):
        # A crash left half a line. It stays, as nothing is ever taken out; the check names it.
        raise ProvenanceError(
            "the audit log's last entry is damaged.",
            "Look at it with: facesdk verify --audit. Then move the file away.",
        ) from None


def _canonical(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 of the hash before and of all that the entry says."""
    return hashlib.sha256(str(entry["previous"]).encode() + _canonical(entry)).hexdigest()


@contextlib.contextmanager
def _locked(stream: Any) -> Iterator[None]:
    """Keeps other processes away, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(stream, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(stream, fcntl.LOCK_UN)
