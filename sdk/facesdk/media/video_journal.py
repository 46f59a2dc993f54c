"""What of a film's job is safe on the disk: one line a finished piece."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from facesdk.errors import MediaError
from facesdk.media.storage import Storage
from facesdk.media.video_info import reason
from facesdk.media.video_reader import Damage, Position
from facesdk.media.video_segment import Segment

FORMAT = "facesdk.film/1"
_NAME = "journal"
_AGAIN = "Give the same command again: it goes on where it stopped."


@dataclass(frozen=True)
class JournalEntry:
    """A piece that is safe.

    Attributes:
        segment: the piece.
        position: its last frame in the source.
        last_ticks: how long its last frame is shown, ticks; 0 if the film does not say.
        counts: frames so far by what became of them, and what else is told at the end.
        state_name, state_sha256: the file that holds what the next frame depends on.
    """

    segment: Segment
    position: Position
    last_ticks: int
    counts: Mapping[str, int]
    state_name: str
    state_sha256: str


class VideoJournal:
    """The folder of a film's job. It can be killed at any moment and opened again; one process at a time.

    Args:
        folder: made if it is not there.
        job: what decides the output, as JSON values; another job's folder is not gone on with.
        fresh: throw away another job's pieces instead of complaining.
        storage: where files are made.

    Raises:
        MediaError: another process works there, it belongs to another job, or it cannot be written.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any], fresh: bool, storage: Storage) -> None:
        self.folder = folder
        self._storage = storage
        self._file = folder / _NAME
        self.entries: list[JournalEntry] = []
        """The pieces that are safe, in order."""
        self.notes: dict[str, Any] = {}
        """What else was written down with `note`."""
        header = {"format": FORMAT, "job": json.loads(json.dumps(job))}
        try:
            folder.mkdir(exist_ok=True)
            self._lock = _lock(folder / "lock")
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._open(header, fresh)
        except OSError as error:
            self._lock.close()
            raise self._failed(error) from error
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    @staticmethod
    def read_entries(folder: Path) -> list[JournalEntry]:
        """The pieces that are safe in a folder, without touching it.

        Raises:
            MediaError: a piece is missing.
        """
        return _parse(folder, _read(folder / _NAME, repair=False)[1:])[0]

    def segment_path(self) -> Path:
        """Name of the next piece."""
        return self.folder / f"segment_{len(self.entries):06d}.mkv"

    def add(
        self,
        segment: Segment,
        position: Position,
        last_ticks: int,
        counts: Mapping[str, int],
        state: Mapping[str, NDArray[Any]],
    ) -> None:
        """Writes down that a piece is safe, and the state behind it.

        Raises:
            MediaError: it cannot be written.
        """
        name = f"state_{len(self.entries):06d}"
        data = save_tensors({key: np.ascontiguousarray(value) for key, value in state.items()})
        entry = JournalEntry(segment, position, last_ticks, dict(counts), name, hashlib.sha256(data).hexdigest())
        document = {
            "segment": segment.path.name,
            "bytes": segment.byte_count,
            "pts": segment.pts,
            "position": asdict(position),
            "last_ticks": last_ticks,
            "counts": entry.counts,
            "state": name,
            "state_sha256": entry.state_sha256,
        }
        try:
            self._storage.write(self.folder / name, data)
            self._storage.append(self._file, _line(document))
        except OSError as error:
            raise self._failed(error) from error
        if self.entries:
            with contextlib.suppress(OSError):
                (self.folder / self.entries[-1].state_name).unlink()
        self.entries.append(entry)

    def note(self, name: str, value: Any) -> None:
        """Writes down something else about the job.

        Raises:
            MediaError: it cannot be written.
        """
        self.notes[name] = value
        try:
            self._storage.append(self._file, _line({"note": name, "value": value}))
        except OSError as error:
            raise self._failed(error) from error

    def last_state(self) -> dict[str, NDArray[Any]]:
        """What the frame behind the last piece depends on.

        Raises:
            MediaError: the file is missing or damaged.
        """
        entry = self.entries[-1]
        try:
            data = (self.folder / entry.state_name).read_bytes()
            if hashlib.sha256(data).hexdigest() != entry.state_sha256:
                raise MediaError(f"{entry.state_name} in {self.folder.name} is damaged.", "Start anew with --force.")
            return dict(load_tensors(data))
        except (OSError, SafetensorError) as error:
            raise MediaError(
                f"{entry.state_name} in {self.folder.name} cannot be read: {reason(error)}.", "Start anew with --force."
            ) from error

    def remove(self) -> None:
        """Removes the folder: the film is done."""
        self._lock.close()
        # In one step out of sight: half a journal beside a finished film would pass for work that goes on.
        gone = self.folder.with_name(f".{self.folder.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(self.folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _open(self, header: Mapping[str, Any], fresh: bool) -> None:
        """Reads what is there, or begins."""
        lines = _read(self._file, repair=True)
        if lines and lines[0] != header:
            if not fresh:
                raise MediaError(
                    f"{self.folder.name} holds the unfinished work of another command: "
                    f"{_difference(lines[0], header)}.",
                    "Give that command again, or start anew with --force.",
                )
            lines = []
        if not lines:
            self._clear()
            self._storage.append(self._file, _line(header))
        self.entries, self.notes = _parse(self.folder, lines[1:])

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock" and path.is_file():
                path.unlink()

    def _failed(self, error: OSError) -> MediaError:
        return MediaError(f"{self.folder} cannot be written: {reason(error)}.", f"Free some space. {_AGAIN}")


def _parse(folder: Path, lines: list[dict[str, Any]]) -> tuple[list[JournalEntry], dict[str, Any]]:
    """Entries and notes of a journal's lines.

    Raises:
        MediaError: a piece is missing.
    """
    entries, notes = [], {}
    for line in lines:
        if "note" in line:
            notes[line["note"]] = line["value"]
            continue
        position = Position(**{**line["position"], "damage": Damage(**line["position"]["damage"])})
        segment = Segment(folder / line["segment"], line["bytes"], tuple(line["pts"]))
        if not segment.path.is_file() or segment.path.stat().st_size != segment.byte_count:
            raise MediaError(
                f"{segment.path.name} in {folder.name} is missing or was changed.", "Start anew with --force."
            )
        entries.append(
            JournalEntry(segment, position, line["last_ticks"], line["counts"], line["state"], line["state_sha256"])
        )
    return entries, notes


def _read(file: Path, repair: bool) -> list[dict[str, Any]]:
    """The whole lines of a journal; what a crash left half written does not count, and is cut off to repair it."""
    data = file.read_bytes() if file.is_file() else b""
    lines, good = [], 0
    for raw in data.splitlines(keepends=True):
        text = raw[9:].strip()
        if not raw.endswith(b"\n") or raw[:8] != f"{zlib.crc32(text):08x}".encode():
            break
        lines.append(json.loads(text))
        good += len(raw)
    if repair and good < len(data):
        with open(file, "r+b") as stream:
            stream.truncate(good)
    return lines


def _line(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Which parts of the job differ, by name."""
    before, now = old.get("job", {}), new["job"]
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"{', '.join(names) or 'its format'} differ{'s' if len(names) < 2 else ''}"


def _lock(path: Path) -> BinaryIO:
    """Holds a file as long as this process lives.

    Raises:
        MediaError: another process holds it.
    """
    stream = open(path, "ab")  # noqa: SIM115
    try:
        import fcntl
    except ImportError:
        return stream
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise MediaError(f"another process works on {path.parent.name}.", "Wait for it, or end it.") from error
    return stream
