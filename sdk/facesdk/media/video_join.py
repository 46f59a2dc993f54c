"""The pieces of a film become one file, with the sound and subtitles of the source: packets are copied as they are."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from facesdk.errors import MediaError
from facesdk.media.av_module import require_av
from facesdk.media.video_encoder import EncoderPlan
from facesdk.media.video_info import VideoInfo, open_container, reason
from facesdk.media.video_segment import Segment

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""The containers that are written, by extension: each can carry the label."""


@dataclass(frozen=True)
class Span:
    """What of a film goes into the output.

    Attributes:
        start: first moment in seconds of the film's own time, or None for all of it.
        end: moment before which it stops, or None.
        shift: what is subtracted from every time, seconds.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def start_pts(self, time_base: Fraction) -> int | None:
        """The first tick that lies in it, or None for all of the film."""
        return None if self.start is None else math.ceil(self.start / time_base)

    def holds(self, seconds: Fraction) -> bool:
        """Whether a moment lies in it."""
        return (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)


@dataclass(frozen=True)
class Piece:
    """A segment and how long its last frame is shown, in ticks; 0 if nobody knows."""

    segment: Segment
    last_ticks: int


def video_format(path: Path) -> str:
    """FFmpeg's name of the container that an extension asks for.

    Raises:
        MediaError: none that is written.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise MediaError(
            f"{path.name}: films are not written as {path.suffix or 'files without extension'}.",
            f"Use {', '.join(FORMATS)}.",
        )
    return found


def copied_streams(info: VideoInfo, plan: EncoderPlan, format: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Which streams of the source the output can hold beside the picture; found by writing a header to memory.

    Returns:
        Their numbers, and a sentence for each that is left out.

    Raises:
        MediaError: the container cannot hold a sound stream or the picture.
    """
    kept: list[int] = []
    notes: list[str] = []
    with open_container(info.path) as source:
        if not _fits(source, plan, format, ()):
            raise MediaError(f"{format} files cannot hold video of {plan.name}.", "Write .mkv, which can.")
        for stream in source.streams:
            if stream.type not in ("audio", "subtitle"):
                continue
            name = stream.codec_context.name if stream.codec_context is not None else "unknown"
            if stream.codec_context is not None and _fits(source, plan, format, (*kept, stream.index)):
                kept.append(stream.index)
            elif stream.type == "audio":
                raise MediaError(f"{format} files cannot hold sound in {name}.", "Write .mkv, which can.")
            else:
                notes.append(f"subtitles in {name} are left out: {format} files cannot hold them, .mkv can")
    return tuple(kept), tuple(notes)


def _fits(source: Any, plan: EncoderPlan, format: str, streams: Sequence[int]) -> bool:
    av = require_av()
    try:
        with av.open(io.BytesIO(), "w", format=format) as container:
            plan.open(container)
            for number in streams:
                container.add_stream_from_template(source.streams[number])
            container.start_encoding()
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return True


def join_pieces(
    target: Path,
    format: str,
    pieces: Sequence[Piece],
    info: VideoInfo,
    streams: Sequence[int],
    span: Span,
    metadata: Mapping[str, str],
    *,
    fast_start: bool = True,
    seconds_limit: float | None = None,
) -> float:
    """Writes the whole file.

    Args:
        target: the file, replaced if it is there.
        format: from `video_format`.
        pieces: in order; not empty.
        info: the source.
        streams: from `copied_streams`.
        span: what of the source is wanted.
        metadata: tags of the file.
        fast_start: move the index of an mp4 or mov to its front, for players that load over a network.
        seconds_limit: stop there, with a file that ends early but plays.

    Returns:
        How many seconds of picture the file holds.

    Raises:
        MediaError: it cannot be written or a piece cannot be read.
    """
    av = require_av()
    until = None if seconds_limit is None else time.monotonic() + seconds_limit
    # "use_metadata_tags" keeps tags that the format has no field for.
    flags = "use_metadata_tags+faststart" if fast_start else "use_metadata_tags"
    options = {"movflags": flags, "movie_timescale": str(_movie_timescale(info))} if format in ("mp4", "mov") else {}
    ends = Fraction(0)
    try:
        with (
            open_container(info.path) as source,
            av.open(f"file:{pieces[0].segment.path}") as first,
            av.open(f"file:{target}", "w", format=format, container_options=options) as out,
        ):
            out.metadata.update(metadata)
            picture = out.add_stream_from_template(first.streams.video[0])
            picture.time_base = info.time_base
            extra = first.streams.video[0].codec_context.extradata
            others = {number: out.add_stream_from_template(source.streams[number]) for number in streams}
            for number, stream in others.items():
                _copy_facts(source.streams[number], stream)
            out.start_encoding()
            sound = _sound(source, others, span)
            waiting = next(sound, None)
            for at, packet in _pictures(pieces, picture, info.time_base, span.shift, extra):
                while waiting is not None and waiting[0] <= at:
                    out.mux_one(waiting[1])
                    waiting = next(sound, None)
                ends = at + (packet.duration or 0) * info.time_base
                out.mux_one(packet)
                if until is not None and time.monotonic() > until:
                    waiting = None
                    break
            while waiting is not None and (until is None or waiting[0] <= ends):
                out.mux_one(waiting[1])
                waiting = next(sound, None)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{target.name} cannot be written: {reason(error)}.",
            "Free some space, then give the same command again: it goes on where it stopped.",
        ) from error
    return float(ends)


def _movie_timescale(info: VideoInfo) -> int:
    """Ticks a second in which the file says when its streams begin; FFmpeg's own 1000 would round that."""
    scale = math.lcm(info.time_base.denominator, 48_000)
    return scale if scale <= 10_000_000 else max(48_000, info.time_base.denominator)


def _pictures(
    pieces: Sequence[Piece], stream: Any, time_base: Fraction, shift: Fraction, extra: bytes | None
) -> Iterator[tuple[Fraction, Any]]:
    """Every packet of the pieces with its true time. No encoder here reorders frames: decoding time = showing time."""
    av = require_av()
    ticks = round(shift / time_base)
    for number, piece in enumerate(pieces):
        pts = piece.segment.pts
        following = pieces[number + 1].segment.pts[0] if number + 1 < len(pieces) else None
        with av.open(f"file:{piece.segment.path}") as container:
            source = container.streams.video[0]
            if source.codec_context.extradata != extra:
                raise MediaError(
                    f"{piece.segment.path.name} was encoded in another way than the first piece.",
                    "Start anew with --force, and choose --encoder libx264.",
                )
            index = 0
            for packet in container.demux(source):
                if packet.size == 0:
                    continue
                packet.time_base = time_base
                packet.pts = packet.dts = pts[index] - ticks
                after = pts[index + 1] if index + 1 < len(pts) else following
                last = piece.last_ticks or (pts[index] - pts[index - 1] if index else 0)
                packet.duration = after - pts[index] if after is not None else last
                packet.stream = stream
                index += 1
                yield packet.pts * time_base, packet
            if index != len(pts):
                raise MediaError(
                    f"{piece.segment.path.name} holds {index} frames of {len(pts)}.", "Start anew with --force."
                )


def _sound(source: Any, streams: Mapping[int, Any], span: Span) -> Iterator[tuple[Fraction, Any]]:
    """The packets of the other streams, in the order of the file, with the time at which each is due."""
    av = require_av()
    if not streams:
        return
    last = Fraction(0)
    packets = source.demux([source.streams[number] for number in streams])
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError):
            # The film is cut off; its reader reports that.
            return
        if packet is None:
            return
        if packet.size == 0:
            continue
        base = packet.time_base
        when = packet.pts if packet.pts is not None else packet.dts
        if when is not None:
            if not span.holds(when * base):
                continue
            last = when * base - span.shift
        shift = round(span.shift / base)
        if shift:
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = streams[packet.stream_index]
        yield last, packet


def _copy_facts(source: Any, target: Any) -> None:
    """Language and purpose of a stream."""
    language = source.metadata.get("language")
    if language:
        target.metadata["language"] = language
    target.disposition = source.disposition
