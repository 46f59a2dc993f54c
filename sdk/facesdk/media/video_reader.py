"""A film's frames in the order of their presentation, with their own times, and a count of what is damaged."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facesdk.errors import MediaError
from facesdk.media.av_module import require_av
from facesdk.media.video_info import VideoInfo, first_video, open_container


@dataclass(frozen=True)
class Damage:
    """What was wrong with a film up to some frame.

    Attributes:
        corrupt_frames: decoded with errors that the decoder covered up.
        lost_packets: pieces of the file that gave no frame.
        mended_times: frames without a time, or with one that did not come after the last; their time was made up.
        resized_frames: frames of another size than the first, which were scaled.
        cut: the file ends before it should.
        hidden_frames: frames that the file itself says are not to be shown; no damage.
    """

    corrupt_frames: int = 0
    lost_packets: int = 0
    mended_times: int = 0
    resized_frames: int = 0
    cut: bool = False
    hidden_frames: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was wrong."""
        return replace(self, hidden_frames=0) != Damage()

    def __add__(self, other: Damage) -> Damage:
        return Damage(
            self.corrupt_frames + other.corrupt_frames,
            self.lost_packets + other.lost_packets,
            self.mended_times + other.mended_times,
            self.resized_frames + other.resized_frames,
            self.cut or other.cut,
            self.hidden_frames + other.hidden_frames,
        )

    def __sub__(self, other: Damage) -> Damage:
        return Damage(
            self.corrupt_frames - other.corrupt_frames,
            self.lost_packets - other.lost_packets,
            self.mended_times - other.mended_times,
            self.resized_frames - other.resized_frames,
            self.cut,
            self.hidden_frames - other.hidden_frames,
        )


@dataclass(frozen=True)
class Position:
    """A frame at which reading can go on.

    Attributes:
        index: number of the frame, from 0.
        pts: its presentation time in ticks.
        checksum: of its pixels, which tells whether it was found again.
        damage: up to and with this frame.
    """

    index: int
    pts: int
    checksum: int
    damage: Damage


@dataclass(frozen=True, eq=False)
class VideoPicture:
    """A decoded frame.

    Attributes:
        index: number of the frame, from 0.
        pts: presentation time in ticks of the film's time base; rises from frame to frame.
        frame: PyAV's VideoFrame, as stored, in the film's own pixel format.
        damage: up to and with this frame.
    """

    index: int
    pts: int
    frame: Any
    damage: Damage

    def position(self) -> Position:
        """From where reading can go on behind this frame."""
        return Position(self.index, self.pts, checksum(self.frame), self.damage)


def checksum(frame: Any) -> int:
    """CRC-32 of a frame's first plane."""
    return zlib.crc32(memoryview(frame.planes[0]))


class VideoReader:
    """Reads frames. One iteration at a time.

    Args:
        info: the film.
        after: go on behind this frame; None starts at the first.
        start_pts: frames before this time are left out; their numbers start there.
    """

    def __init__(self, info: VideoInfo, after: Position | None = None, start_pts: int | None = None) -> None:
        self._info = info
        self._after = after
        self._start_pts = start_pts
        self.damage = after.damage if after else Damage()
        """Up to the last frame that was read; at the end, of the whole film."""

    def __iter__(self) -> Iterator[VideoPicture]:
        """Frames in order.

        Raises:
            MediaError: the film cannot be opened any more, or the frame behind which to go on is not in it.
        """
        if self._after is None:
            yield from self._from_start()
        elif (behind := self._seek(self._after)) is not None:
            yield from behind
        else:
            yield from self._skip(self._after)

    def _seek(self, after: Position) -> Iterator[VideoPicture] | None:
        """Frames behind `after`, from the key frame before it; None if it does not look there as it did."""
        if after.damage.mended_times:
            return None
        pictures = self._read(after.pts)
        for picture in pictures:
            if picture.pts == after.pts and checksum(picture.frame) == after.checksum:
                return self._counted(pictures, picture, after)
            if picture.pts >= after.pts:
                break
        return None

    def _counted(
        self, pictures: Iterator[VideoPicture], start: VideoPicture, after: Position
    ) -> Iterator[VideoPicture]:
        """Gives frames that were counted from a key frame on the numbers that they have in the whole film."""
        self.damage = after.damage
        for picture in pictures:
            self.damage = after.damage + (picture.damage - start.damage)
            yield VideoPicture(after.index + picture.index - start.index, picture.pts, picture.frame, self.damage)
        self.damage = after.damage + (self.damage - start.damage)

    def _skip(self, after: Position) -> Iterator[VideoPicture]:
        """Frames behind `after`, with every frame before it decoded too."""
        for picture in self._from_start():
            if picture.index == after.index and (picture.pts, checksum(picture.frame)) != (after.pts, after.checksum):
                raise MediaError(
                    f"{self._info.path.name} does not decode as it did before: frame {after.index} differs.",
                    "Start anew with --force.",
                )
            if picture.index > after.index:
                yield picture

    def _from_start(self) -> Iterator[VideoPicture]:
        """Every frame that is asked for."""
        if self._start_pts is None:
            yield from self._read(None)
            return
        # A container whose index leads too far is read from its beginning.
        first = next(self._read(self._start_pts), None)
        seekable = first is not None and first.pts <= self._start_pts and not first.damage.any
        index, before = -1, Damage()
        for picture in self._read(self._start_pts if seekable else None):
            if picture.pts < self._start_pts:
                before = picture.damage
                continue
            index += 1
            self.damage = picture.damage - before
            yield VideoPicture(index, picture.pts, picture.frame, self.damage)

    def _read(self, seek_pts: int | None) -> Iterator[VideoPicture]:
        """Decodes from the start, or from the key frame at or before a time."""
        av = require_av()
        self.damage = Damage()
        last: int | None = None
        index, end = -1, 0
        with open_container(self._info.path) as container:
            stream = first_video(container, self._info.path)
            stream.thread_type = "AUTO"
            if seek_pts is not None:
                try:
                    container.seek(seek_pts, stream=stream)
                except (av.error.FFmpegError, OSError):
                    return
            for frame in self._frames(container, stream):
                index += 1
                pts, mended = self._time(frame, last)
                last = pts
                resized = (frame.height, frame.width) != self._info.size_hw
                self.damage += Damage(bool(frame.is_corrupt), 0, mended, resized)
                yield VideoPicture(index, pts, self._fit(frame), self.damage)
                end = pts + (frame.duration or self._step())
        if last is not None and self._ends_early(end):
            self.damage += Damage(cut=True)

    def _ends_early(self, end: int) -> bool:
        """Whether something is missing behind the last frame's end, as far as the container lets one know."""
        info = self._info
        if info.container == "mpegts":
            # Packets of one size, with or without a time in front. Source: ISO/IEC 13818-1, and Blu-ray's BDAV.
            return all(info.path.stat().st_size % size for size in (188, 192))
        if not info.promised_seconds or not info.rate:
            return False
        return float(end * info.time_base + 1 / (2 * info.rate)) < info.promised_seconds

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Every frame that can be decoded."""
        seen: int | None = None
        owed = 0
        for packet in self._packets(container, stream):
            lost = self.damage.lost_packets
            owed += packet is not None
            for frame in self._decode(stream, packet):
                owed -= 1
                seen = frame.pts if frame.pts is not None else seen
                yield frame
            # Of a packet that was cut off a decoder with threads may say nothing, and forget what it holds.
            if packet is None and seen is not None and (owed > 0 or self.damage.lost_packets > lost):
                yield from self._tail(seen)

    def _tail(self, seen: int) -> Iterator[Any]:
        """Frames behind `seen`, decoded one by one.

        A decoder with threads holds several frames; if one of the last ones proves bad while it is emptied, PyAV cannot
        ask it for those behind.
        """
        av = require_av()
        with open_container(self._info.path) as container:
            stream = first_video(container, self._info.path)
            stream.thread_type = "SLICE"
            try:
                container.seek(seen, stream=stream)
                packets = list(container.demux(stream))
            except (av.error.FFmpegError, OSError):
                return
            for packet in packets:
                try:
                    frames = stream.decode(packet)
                except av.error.FFmpegError:
                    continue
                yield from (frame for frame in frames if frame.pts is not None and frame.pts > seen)

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Packets of the stream, and None at the end, which empties the decoder."""
        av = require_av()
        try:
            for packet in container.demux(stream):
                if packet.dts is None and packet.size == 0:
                    break
                self.damage += Damage(hidden_frames=int(packet.is_discard))
                yield packet
        except (av.error.FFmpegError, OSError):
            self.damage += Damage(cut=True)
        yield None

    def _decode(self, stream: Any, packet: Any) -> list[Any]:
        av = require_av()
        try:
            return list(stream.decode(packet))
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.damage += Damage(lost_packets=1)
            return []

    def _time(self, frame: Any, last: int | None) -> tuple[int, bool]:
        """The frame's own time, or the next one where it has none or goes back."""
        pts = frame.pts if frame.pts is not None else None
        if pts is not None and (last is None or pts > last):
            return int(pts), False
        if last is None:
            return 0, True
        return last + (self._step() if pts is None else 1), True

    def _step(self) -> int:
        """Ticks from one frame to the next."""
        rate, base = self._info.rate, self._info.time_base
        return max(1, round(1 / (rate * base))) if rate else 1

    def _fit(self, frame: Any) -> Any:
        """The frame at the film's size and in its format, where it is not so already."""
        height, width = self._info.size_hw
        if (frame.height, frame.width) == (height, width) and frame.format.name == self._info.pixel_format:
            return frame
        return frame.reformat(width=width, height=height, format=self._info.pixel_format, threads=1)


def upright_rgb(frame: Any, rotation_degrees: int, matrix: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A frame as it is shown.

    Args:
        frame: PyAV's VideoFrame.
        rotation_degrees: from VideoInfo.
        matrix: FFmpeg's number of the YUV matrix, never "unspecified".

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rgb = frame.reformat(format="rgb24", src_colorspace=matrix, threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, rotation_degrees // 90))
