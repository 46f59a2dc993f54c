"""What a film is, read from its header before a frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from facesdk.errors import MediaError
from facesdk.media.av_module import require_av

MAX_PIXELS = 8192 * 8192
MAX_SIDE = 16384


@dataclass(frozen=True)
class VideoInfo:
    """The first video stream of a film.

    Attributes:
        path: the file.
        container: FFmpeg's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        codec: FFmpeg's name of the codec, such as "h264".
        size_hw: height and width as stored, before rotation.
        rotation_degrees: 0, 90, 180 or 270: counter-clockwise turn that shows the picture upright.
        time_base: seconds per tick of the presentation times.
        first_pts: presentation time of the first frame, in ticks.
        rate: mean frames a second, or None if the file does not say.
        frame_count: frames that the header promises, or None.
        duration_seconds: by the header, or None.
        pixel_format: FFmpeg's name, such as "yuv420p".
        color: range, matrix, primaries and transfer, FFmpeg's numbers.
        pixel_aspect: width of a pixel over its height.
        sound_streams: number of audio streams.
        promised_seconds: when the last frame ends, where a header in front says so (Matroska), or None.
    """

    path: Path
    container: str
    codec: str
    size_hw: tuple[int, int]
    rotation_degrees: int
    time_base: Fraction
    first_pts: int
    rate: Fraction | None
    frame_count: int | None
    duration_seconds: float | None
    pixel_format: str
    color: tuple[int, int, int, int]
    pixel_aspect: Fraction
    sound_streams: int
    promised_seconds: float | None = None

    @property
    def upright_hw(self) -> tuple[int, int]:
        """Height and width as shown."""
        height, width = self.size_hw
        return (width, height) if self.rotation_degrees % 180 else (height, width)


def read_video_info(path: str | PathLike[str]) -> VideoInfo:
    """Reads what a film is; for the rotation its first frame is decoded.

    Raises:
        MediaError: no such file, no film, no picture in it, or nothing that can be decoded.
    """
    file = Path(fspath(path))
    with open_container(file) as container:
        stream = first_video(container, file)
        context = stream.codec_context
        height, width = context.height, context.width
        if height < 1 or width < 1 or max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
            raise MediaError(f"{file.name} has frames of {width}x{height}, which is not worked with.", "Scale it down.")
        frame = _first_frame(container, stream, file)
        ticks = stream.duration or (container.duration and int(Fraction(container.duration, 10**6) / stream.time_base))
        return VideoInfo(
            file,
            container.format.name,
            context.name,
            (frame.height, frame.width),
            round(frame.rotation / 90) * 90 % 360,
            stream.time_base or frame.time_base,
            frame.pts or 0,
            stream.average_rate or stream.guessed_rate,
            stream.frames or None,
            float(ticks * stream.time_base) if ticks else None,
            frame.format.name,
            (int(frame.color_range), int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)),
            stream.sample_aspect_ratio or Fraction(1),
            len(container.streams.audio),
            _promised_seconds(stream),
        )


def open_container(path: Path) -> Any:
    """Opens a film for reading; to be closed, or used in a `with` statement.

    Raises:
        MediaError: it cannot be opened.
    """
    av = require_av()
    if not path.is_file():
        what = "is a folder, a film is expected" if path.is_dir() else "no such file"
        raise MediaError(f"{path}: {what}.", "Check the path.")
    try:
        # "file:" keeps a name such as "concat:a|b" from being read as one of FFmpeg's protocols.
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{path.name} is no film that can be read, or it is cut off: {reason(error)}.", "Copy or download it again."
        ) from error


def first_video(container: Any, path: Path) -> Any:
    """The film's first video stream that is no cover picture.

    Raises:
        MediaError: there is none that can be decoded.
    """
    av = require_av()
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & cover:
            return stream
    raise MediaError(f"{path.name} has no picture that can be decoded.", "Check the file: is it sound only?")


def _promised_seconds(stream: Any) -> float | None:
    """What FFmpeg and mkvmerge write into Matroska's tags: hours, minutes and seconds, as 00:01:02.345000000."""
    parts = str(stream.metadata.get("DURATION", "")).split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds


def reason(error: BaseException) -> str:
    """FFmpeg's own words for a fault."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).rstrip(".")


def _first_frame(container: Any, stream: Any, path: Path) -> Any:
    av = require_av()
    fault: BaseException | None = None
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                fault = error
                continue
            if frames:
                return frames[0]
    except (av.error.FFmpegError, OSError) as error:
        fault = error
    why = f": {reason(fault)}" if fault else ""
    raise MediaError(f"no frame of {path.name} can be decoded{why}.", "Copy or download it again.") from fault
