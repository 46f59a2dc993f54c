"""A film that is to be swapped: frame by frame for a program, or as a whole into a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

from facesdk.errors import InputError, MediaError
from facesdk.media.read_ahead import ReadAhead
from facesdk.media.storage import Storage
from facesdk.media.video_encoder import EncoderPlan
from facesdk.media.video_info import VideoInfo
from facesdk.media.video_join import Span, copied_streams, video_format
from facesdk.media.video_reader import VideoReader
from facesdk.pipelines.film_marks import FilmMarks
from facesdk.pipelines.video import VideoPainter
from facesdk.pipelines.video_frames import ahead_depth, frame_groups, upright_frames
from facesdk.pipelines.video_job import VideoJob
from facesdk.pipelines.video_result import SwappedFrame, VideoResult
from facesdk.provenance.mark import check_film_marks
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.runtime.device import read_cpu

MOST_ENCODER_THREADS = 4


class VideoSwap:
    """A swap of a film; made by `FaceSwapper.swap_video`. Nothing is done until it is iterated or saved.

    Args:
        info: the film.
        span: what of it is wanted.
        new_painter: makes what swaps the frames, anew for each run.
        facts: what decides its pixels, as JSON values: a job goes on only with the same ones.
        storage: where files are made.
        work: what the manifest and the audit log say of how it is made.
    """

    def __init__(
        self,
        info: VideoInfo,
        span: Span,
        new_painter: Callable[[], VideoPainter],
        facts: Mapping[str, Any],
        storage: Storage | None = None,
        work: Work = UNKNOWN,
    ) -> None:
        self.info = info
        self._span = span
        self._new_painter = new_painter
        self._facts = facts
        self._storage = storage or Storage()
        self._work = work

    def __iter__(self) -> Iterator[SwappedFrame]:
        """The frames in order.

        Raises:
            MediaError: the film cannot be read.
            BackendError: the networks failed in several frames in a row.
        """
        painter, base = self._new_painter(), self.info.time_base
        reader = VideoReader(self.info, start_pts=self._span.start_pts(base))
        with ReadAhead(upright_frames(reader, self.info, self._span), ahead_depth(self.info)) as frames:
            for group in frame_groups(frames, min(painter.frames_at_once, ahead_depth(self.info))):
                for (picture, _), painted in zip(group.frames, painter.paint_frames(group.timed(base))):
                    yield SwappedFrame(
                        picture.index,
                        float(picture.pts * base - self._span.shift),
                        painted.image,
                        painted.faces,
                        painted.swapped,
                        painted.timings,
                        painted.failed,
                    )

    def save(
        self,
        path: str | PathLike[str],
        *,
        progress: bool = False,
        encoder: str = "auto",
        quality: int = 80,
        force: bool = False,
        label: bool = False,
        profile: str = "default",
    ) -> VideoResult:
        """Writes the swapped film with its sound and its marks, whole or not at all.

        The work is kept beside it in PATH.job, in pieces of a second. If it is stopped in any way, even by a power cut,
        the same call goes on behind the last piece, and the file becomes what it would have become (with encoders that
        give equal files for equal frames, which those of the CPU do), but for the time and the numbers in a C2PA
        manifest.

        Args:
            path: .mp4, .m4v, .mov or .mkv.
            progress: show a line on stderr.
            encoder: "auto" or a name in `media.video_encoder.ENCODERS`.
            quality: 1 to 100.
            force: replace a file that is there, and the unfinished work of another call.
            label: draw a visible label.
            profile: "default", "eu", "cn" or "us-ca": what is asked for there.

        Returns:
            What was written, and what was wrong with the source.

        Raises:
            InputError: the output is the source, or it is there and force is not set; no such encoder.
            MediaError: the film cannot be read or written.
            ProvenanceError: a mark cannot be read back, or what the profile asks for cannot be written here.
            BackendError: the networks failed in several frames in a row.
            VideoInterrupted: Ctrl-C; a part that plays stands beside the path.
        """
        target = check_film_path(path, self.info.path, force)
        format = video_format(target)
        threads = min(MOST_ENCODER_THREADS, read_cpu().usable_cores)
        plan = EncoderPlan.of(self.info, encoder, quality, threads)
        streams, notes = copied_streams(self.info, plan, format)
        if plan.size_hw != self.info.size_hw:
            notes = (*notes, f"{plan.pixel_format} needs even sides: {plan.size_hw[1]}x{plan.size_hw[0]} were kept")
        check_film_marks(target, plan.size_hw, profile)
        marks = FilmMarks(profile, label, self._work)
        job = VideoJob(
            self.info, self._span, self._new_painter(), target, format, plan, streams, notes, self._storage, marks
        )
        return job.run(self._facts, force, progress)


def check_film_path(path: str | PathLike[str], source: Path, force: bool) -> Path:
    """Checks, before any work, that a film could be written.

    Args:
        path: the film to be.
        source: the film that is swapped.
        force: a file that is there may be replaced.

    Raises:
        InputError: it is the source itself, or it is there and force is not set.
        MediaError: an unknown extension, or no folder to write in.
    """
    target = Path(path)
    video_format(target)
    if not target.parent.is_dir():
        raise MediaError(f"{target} cannot be written: there is no folder {target.parent}.", "Create it.")
    if target.is_dir():
        raise MediaError(f"{target} cannot be written: it is a folder.", "Choose another name.")
    if target.exists() and source.exists() and target.samefile(source):
        raise InputError(f"{target} is the target itself, and would be overwritten.", "Choose another name for -o.")
    if is_finished(target) and not force:
        raise InputError(f"{target} is there already.", "Choose another name, or replace it with --force.")
    return target


def is_finished(target: Path) -> bool:
    """Whether a film is there, and not just about to be replaced by the very job that made it."""
    return target.exists() and not VideoJob.is_published(target)


def trim_span(info: VideoInfo, start: float | None, end: float | None) -> Span:
    """What --trim means: seconds from the film's first frame on become the film's own time.

    Raises:
        InputError: the end is not behind the start, or one is negative or no number.
    """
    if start is None and end is None:
        return Span()
    values = [value for value in (start, end) if value is not None]
    ordered = start is None or end is None or start < end
    if not ordered or not all(math.isfinite(value) and value >= 0 for value in values):
        raise InputError(f"trim {start}:{end}: two moments in seconds expected, the first before the second.")
    first = info.first_pts * info.time_base
    begin = None if start is None else first + Fraction(start).limit_denominator(10**6)
    stop = None if end is None else first + Fraction(end).limit_denominator(10**6)
    return Span(begin, stop, Fraction(0) if begin is None else begin)
