"""The video encoders and their settings: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from facesdk.errors import InputError, MediaError
from facesdk.media.av_module import require_av
from facesdk.media.video_info import VideoInfo, reason
from facesdk.media.video_planes import color_matrix, color_range, working_format

AUTO = ("libx264", "libopenh264", "mpeg4")
"""What "auto" tries, in this order."""


@dataclass(frozen=True)
class EncoderKind:
    """One encoder of FFmpeg.

    Attributes:
        quality: the options that a quality of 1 to 100 means.
        options: the others. No frames that are shown before they are stored: then a packet's time is its frame's.
        exact: whether equal frames give equal files on any run.
    """

    quality: Callable[[int], Mapping[str, str]]
    options: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True


def _crf(quality: int) -> int:
    """80 -> 18, which is hard to tell from the original; a step of 6 doubles the file. FFmpeg wiki, H.264 guide."""
    return min(51, max(1, round(58 - quality / 2)))


ENCODERS: dict[str, EncoderKind] = {
    "libx264": EncoderKind(lambda q: {"crf": str(_crf(q))}, {"preset": "veryfast", "bf": "0"}),
    "libx265": EncoderKind(
        lambda q: {"crf": str(_crf(q) + 2)}, {"preset": "fast", "x265-params": "bframes=0:log-level=none"}
    ),
    "libopenh264": EncoderKind(lambda q: {"qmin": str(_crf(q)), "qmax": str(_crf(q)), "rc_mode": "quality"}),
    "mpeg4": EncoderKind(lambda q: {"qmin": str(_scale(q)), "qmax": str(_scale(q))}, {"bf": "0"}),
    "ffv1": EncoderKind(lambda _: {}, {"level": "3"}),
    "h264_nvenc": EncoderKind(lambda q: {"rc": "vbr", "cq": str(_crf(q)), "b": "0"}, {"bf": "0"}, False),
    "hevc_nvenc": EncoderKind(lambda q: {"rc": "vbr", "cq": str(_crf(q)), "b": "0"}, {"bf": "0"}, False),
    "av1_nvenc": EncoderKind(lambda q: {"rc": "vbr", "cq": str(_crf(q)), "b": "0"}, {"bf": "0"}, False),
    "h264_qsv": EncoderKind(lambda q: {"global_quality": str(_crf(q))}, {"bf": "0"}, False),
    "hevc_qsv": EncoderKind(lambda q: {"global_quality": str(_crf(q))}, {"bf": "0"}, False),
    "h264_amf": EncoderKind(lambda q: {"rc": "cqp", "qp_i": str(_crf(q)), "qp_p": str(_crf(q))}, {"bf": "0"}, False),
    "h264_videotoolbox": EncoderKind(lambda q: {"q:v": str(q)}, {"bf": "0"}, False),
    "hevc_videotoolbox": EncoderKind(lambda q: {"q:v": str(q)}, {"bf": "0"}, False),
}
"""The encoders that may be asked for."""


def _scale(quality: int) -> int:
    """MPEG-4's quantiser, 1 to 31: 80 -> 4."""
    return min(31, max(1, round(16 - 0.15 * quality)))


@dataclass(frozen=True)
class EncoderPlan:
    """All that decides how frames are encoded.

    Attributes:
        name: of the encoder.
        options: FFmpeg's.
        pixel_format: of the frames that it gets.
        size_hw: height and width, even where the pixel format needs it.
        rate: frames a second, as a hint.
        time_base: seconds per tick.
        matrix, range_number: of the colours.
        primaries, transfer: FFmpeg's numbers, kept from the film.
        pixel_aspect: width of a pixel over its height.
        rotation_degrees: as in the film.
        threads: of the encoder; part of the result with some of them.
    """

    name: str
    options: Mapping[str, str]
    pixel_format: str
    size_hw: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    matrix: int
    range_number: int
    primaries: int
    transfer: int
    pixel_aspect: Fraction
    rotation_degrees: int
    threads: int

    @classmethod
    def of(cls, info: VideoInfo, encoder: str = "auto", quality: int = 80, threads: int = 2) -> EncoderPlan:
        """Plans the encoding of a film like `info`, and tries the encoder out.

        Args:
            info: the film.
            encoder: "auto" or a name in ENCODERS.
            quality: 1 to 100.
            threads: of the encoder.

        Raises:
            InputError: no such encoder, or quality out of range.
            MediaError: the encoder does not work here.
        """
        if not 1 <= quality <= 100:
            raise InputError(f"quality={quality}: 1 to 100 expected.")
        if encoder != "auto" and encoder not in ENCODERS:
            raise InputError(f"encoder={encoder!r} is not known.", f"One of: auto, {', '.join(ENCODERS)}.")
        faults = []
        for name in AUTO if encoder == "auto" else (encoder,):
            plan = cls._plan(info, name, quality, threads)
            fault = "PyAV is built without it" if plan is None else plan._fault()
            if plan is not None and fault is None:
                return plan
            faults.append(f"{name} ({fault})")
        raise MediaError(
            f"frames of {info.size_hw[1]}x{info.size_hw[0]} cannot be encoded here: {', '.join(faults)}.",
            "Choose another one with --encoder, such as auto.",
        )

    @classmethod
    def _plan(cls, info: VideoInfo, name: str, quality: int, threads: int) -> EncoderPlan | None:
        av = require_av()
        try:
            codec = av.Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            return None
        kind = ENCODERS[name]
        encodable = [format.name for format in codec.video_formats or ()]
        pixel_format = working_format(info.pixel_format, encodable)
        height, width = info.size_hw
        if pixel_format.startswith("yuv420"):
            height -= height % 2
        if not pixel_format.startswith("yuv444"):
            width -= width % 2
        return cls(
            name,
            {**kind.options, **kind.quality(quality)},
            pixel_format,
            (height, width),
            info.rate or Fraction(25),
            info.time_base,
            color_matrix(info.color[1], info.size_hw[0]),
            color_range(info.color[0], info.pixel_format),
            info.color[2],
            info.color[3],
            info.pixel_aspect,
            info.rotation_degrees,
            threads,
        )

    def open(self, container: Any) -> Any:
        """Adds the stream to a container that is being written.

        Returns:
            PyAV's VideoStream.
        """
        stream = container.add_stream(self.name, rate=self.rate, options={**self.options, "threads": str(self.threads)})
        context = stream.codec_context
        context.height, context.width = self.size_hw
        context.pix_fmt = self.pixel_format
        context.time_base = self.time_base
        # One key frame begins a segment, and none follows.
        context.gop_size = 100_000
        context.colorspace, context.color_range = self.matrix, self.range_number
        context.color_primaries, context.color_trc = self.primaries, self.transfer
        context.sample_aspect_ratio = self.pixel_aspect
        if self.rotation_degrees:
            stream.set_display_rotation(self.rotation_degrees)
        return stream

    def _fault(self) -> str | None:
        """Encodes one grey frame to nowhere."""
        av = require_av()
        try:
            with av.open(_Nowhere(), "w", format="matroska") as container:
                stream = self.open(container)
                frame = av.VideoFrame(self.size_hw[1], self.size_hw[0], self.pixel_format)
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                frame.pts, frame.time_base = 0, self.time_base
                container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            return reason(error)
        return None


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)
