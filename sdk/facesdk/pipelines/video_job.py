"""The making of a swapped film in small safe steps: whatever ends it, it goes on behind the last one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from facesdk.errors import ContentError, InputError, MediaError
from facesdk.media.read_ahead import ReadAhead
from facesdk.media.storage import Storage
from facesdk.media.video_encoder import EncoderPlan
from facesdk.media.video_info import VideoInfo
from facesdk.media.video_join import Piece, Span, join_pieces
from facesdk.media.video_journal import VideoJournal
from facesdk.media.video_planes import plain_frame, put_region
from facesdk.media.video_reader import Damage, VideoPicture, VideoReader
from facesdk.media.video_segment import Segment, SegmentWriter
from facesdk.pipelines.film_marks import FilmMarker, FilmMarks
from facesdk.pipelines.stop_signal import Stopped, StopSignal
from facesdk.pipelines.video import PaintedFrame, VideoPainter
from facesdk.pipelines.video_frames import ahead_depth, frame_groups, upright_frames
from facesdk.pipelines.video_progress import ProgressLine
from facesdk.pipelines.video_result import VideoInterrupted, VideoResult

SEGMENT_SECONDS = 1
"""Length of a piece. What a crash can lose is the piece in work: less than two seconds of film in any case."""
PART_SECONDS = 1.2
"""How long writing the part may take after Ctrl-C."""
PUBLISHED = "published"


class VideoJob:
    """One run that writes a film.

    Args:
        info: the source.
        span: what of it is wanted.
        painter: swaps the frames; new.
        target: the file to be.
        format: FFmpeg's name of its container.
        plan: how to encode.
        streams: numbers of the source's streams that are copied.
        notes: what the result has to say.
        storage: where files are made.
        marks: which marks the film shall carry.
    """

    def __init__(
        self,
        info: VideoInfo,
        span: Span,
        painter: VideoPainter,
        target: Path,
        format: str,
        plan: EncoderPlan,
        streams: tuple[int, ...],
        notes: tuple[str, ...],
        storage: Storage,
        marks: FilmMarks | None = None,
    ) -> None:
        self._info = info
        self._span = span
        self._painter = painter
        self._target = target
        self._format = format
        self._plan = plan
        self._streams = streams
        self._notes = notes
        self._storage = storage
        self._marks = marks or FilmMarks()
        self._marker = FilmMarker(self._marks, "", plan.size_hw)
        first = info.first_pts * info.time_base
        self._first_seconds = first if span.start is None else span.start
        self._started = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._damage = Damage()

    @staticmethod
    def folder(target: Path) -> Path:
        """Where a film's unfinished work is kept."""
        return target.with_name(target.name + ".job")

    @classmethod
    def is_published(cls, target: Path) -> bool:
        """Whether a crash came between the file's getting its name and the removal of its job."""
        return (cls.folder(target) / PUBLISHED).exists()

    def run(self, facts: Mapping[str, Any], force: bool, progress: bool) -> VideoResult:
        """Makes what is missing, and the file. See `VideoSwap.save`."""
        job = {**facts, "source": _source_facts(self._info.path), "encoder": _texts(asdict(self._plan))}
        job |= {"span": _texts(asdict(self._span)), "container": self._format, "marks": self._marks.facts}
        self._marker = FilmMarker(self._marks, json.dumps(job, sort_keys=True), self._plan.size_hw)
        with VideoJournal(self.folder(self._target), job, force, self._storage) as journal, StopSignal() as stop:
            resumed = sum(len(entry.segment.pts) for entry in journal.entries)
            line = ProgressLine(self._expected_count()) if progress else None
            try:
                tail = self._make_pieces(journal, stop, line)
                if not stop.requested:
                    with stop.may_leave():
                        return self._finish(journal, resumed)
            except Stopped:
                tail = None
            except ContentError:
                self._discard(journal)
                raise
            finally:
                if line is not None:
                    line.end()
            raise VideoInterrupted(self._write_part(journal, tail, resumed))

    def _make_pieces(self, journal: VideoJournal, stop: StopSignal, line: ProgressLine | None) -> Segment | None:
        """Swaps and encodes from the last safe piece on.

        Returns:
            After Ctrl-C the last piece, which is too short to be gone on behind.
        """
        last = journal.entries[-1] if journal.entries else None
        if last is not None:
            self._painter.restore(journal.last_state())
            self._counts.update(last.counts)
        base = self._info.time_base
        reader = VideoReader(self._info, last.position if last else None, self._span.start_pts(base))
        if line is not None:
            line.begin(self._counts["frames"])
        writer: SegmentWriter | None = None
        depth = ahead_depth(self._info)
        try:
            with ReadAhead(upright_frames(reader, self._info, self._span), depth) as frames:
                groups = frame_groups(frames, min(self._painter.frames_at_once, depth), round(SEGMENT_SECONDS / base))
                while not stop.requested:
                    with stop.may_leave():
                        group = next(groups, None)
                    if group is None:
                        self._damage = reader.damage
                        return None
                    painting = self._painter.paint_frames(group.timed(base))
                    for picture, _ in group.frames:
                        with stop.may_leave():
                            painted = next(painting)
                        if writer is None:
                            writer = SegmentWriter(journal.segment_path(), self._plan, self._marker.tags, self._storage)
                        writer.add(self._frame(picture, painted), picture.pts)
                        self._count(painted)
                        self._damage = picture.damage
                        if line is not None:
                            line.show(self._counts["frames"])
                    if writer is not None and group.ends_piece:
                        self._keep(journal, writer, group.frames[-1][0])
                        writer = None
        except Stopped:
            pass
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise
        return None if writer is None else writer.finish()

    def _frame(self, picture: VideoPicture, painted: PaintedFrame) -> Any:
        """The frame for the encoder: the source's own samples, but where the swap shows."""
        plan = self._plan
        frame = plain_frame(picture.frame, plan.pixel_format, plan.size_hw, plan.matrix, plan.range_number)
        if not painted.roi.is_empty:
            origin = (painted.roi.x0, painted.roi.y0)
            put_region(frame, painted.image, painted.mask, origin, self._info.rotation_degrees)
        seconds = float(picture.pts * self._info.time_base - self._first_seconds)
        self._counts["marked"] += self._marker.mark(frame, painted, self._info.rotation_degrees, seconds)
        return frame

    def _count(self, painted: PaintedFrame) -> None:
        self._counts["frames"] += 1
        self._counts["swapped"] += bool(painted.swapped)
        self._counts["failed"] += painted.failed

    def _keep(self, journal: VideoJournal, writer: SegmentWriter, last: VideoPicture) -> None:
        """Makes a piece safe, with all that the next frame depends on."""
        segment = writer.finish()
        ticks = int(last.frame.duration or 0)
        journal.add(segment, last.position(), ticks, self._counts, self._painter.state())

    def _finish(self, journal: VideoJournal, resumed: int) -> VideoResult:
        if not journal.entries:
            raise InputError(f"{self._info.path.name} has no frame in the part that was asked for.", "Check --trim.")
        pieces = [Piece(entry.segment, entry.last_ticks) for entry in journal.entries]
        whole = journal.folder / f"whole{self._target.suffix}"
        seconds = self._join(whole, pieces, None)
        # From here on the name may be taken by the very file that this job makes.
        try:
            self._storage.write(journal.folder / PUBLISHED, b"")
        except OSError as error:
            raise MediaError(
                f"{journal.folder.name} cannot be written: {error.strerror}.",
                "Free some space, then give the same command again: it goes on where it stopped.",
            ) from error
        marks = self._marker.publish(whole, self._target, self._storage, self._counts["marked"])
        self._discard(journal)
        return self._result(self._target, self._counts["frames"], resumed, seconds, marks)

    def _discard(self, journal: VideoJournal) -> None:
        """Removes the pieces, and the part that an earlier Ctrl-C left."""
        if "part" in journal.notes:
            with contextlib.suppress(OSError):
                self._target.with_name(journal.notes["part"]).unlink()
        journal.remove()

    def _write_part(self, journal: VideoJournal, tail: Segment | None, resumed: int) -> VideoResult | None:
        """A file that plays, of as many of the pieces as can be put together in the time."""
        pieces = [Piece(entry.segment, entry.last_ticks) for entry in journal.entries]
        if tail is not None:
            pieces.append(Piece(tail, 0))
        if not pieces:
            return None
        part = self._target.with_name(f"{self._target.stem}.part{self._target.suffix}")
        whole = journal.folder / f"part{self._target.suffix}"
        seconds = self._join(whole, pieces, PART_SECONDS)
        journal.note("part", part.name)
        marks = self._marker.publish(whole, part, self._storage, self._counts["marked"])
        frames = sum(len(piece.segment.pts) for piece in pieces)
        return self._result(part, frames, resumed, seconds, marks, is_part=True)

    def _join(self, whole: Path, pieces: list[Piece], limit: float | None) -> float:
        return join_pieces(
            whole,
            self._format,
            pieces,
            self._info,
            self._streams,
            self._span,
            self._marker.tags,
            fast_start=limit is None,
            seconds_limit=limit,
        )

    def _result(
        self, path: Path, frames: int, resumed: int, seconds: float, marks: tuple[str, ...], is_part: bool = False
    ) -> VideoResult:
        return VideoResult(
            path,
            frames,
            self._counts["swapped"],
            self._counts["failed"],
            resumed,
            seconds,
            time.monotonic() - self._started,
            self._damage,
            self._info.frame_count if self._span == Span() else None,
            self._notes,
            marks,
            is_part,
        )

    def _expected_count(self) -> int | None:
        """Frames that there will be, for the progress."""
        info, span = self._info, self._span
        if span == Span() and info.frame_count:
            return info.frame_count
        if info.rate is None or info.duration_seconds is None:
            return None
        first = info.first_pts * info.time_base
        last = first + Fraction(info.duration_seconds)
        end = last if span.end is None else min(span.end, last)
        return max(1, round((end - (first if span.start is None else span.start)) * info.rate))


def _source_facts(path: Path) -> dict[str, Any]:
    """What tells one file from another without reading all of it."""
    stat = path.stat()
    with open(path, "rb") as stream:
        head = stream.read(1 << 16)
        stream.seek(max(0, stat.st_size - (1 << 16)))
        tail = stream.read(1 << 16)
    return {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns, "sha256": hashlib.sha256(head + tail).hexdigest()}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text: JSON knows no fractions."""
    return {name: str(value) for name, value in values.items()}
