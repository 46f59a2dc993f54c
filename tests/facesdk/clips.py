"""Small films for tests, made with PyAV: markers of the fake pack that move, and a sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.facesdk.fake_pack import picture

U8 = NDArray[np.uint8]
NTSC_FILM = Fraction(24000, 1001)


@dataclass(frozen=True)
class Clip:
    """What a clip is.

    Attributes:
        count: frames.
        rate: frames a second, as the header says.
        time_base: seconds per tick.
        ticks: presentation times; None = count frames, 1 / rate apart.
        cells: markers of the fake pack, (row, column) of the 32 px grid.
        size_hw: of the frames as stored.
        rotation_degrees: counter-clockwise, a flag of the file.
        sound_seconds: of an AAC stream; 0 for none.
        pixel_format: of the H.264 stream.
        color: range and matrix, FFmpeg's numbers.
        codec: of the picture.
        options: of the encoder.
    """

    count: int = 30
    rate: Fraction = NTSC_FILM
    time_base: Fraction = Fraction(1, 24000)
    ticks: Sequence[int] | None = None
    cells: Sequence[tuple[int, int]] = ((1, 2),)
    size_hw: tuple[int, int] = (128, 160)
    rotation_degrees: int = 0
    sound_seconds: float = 0.0
    pixel_format: str = "yuv420p"
    color: tuple[int, int] = (1, 1)
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = (("crf", "8"), ("preset", "ultrafast"), ("g", "12"), ("bf", "2"))

    @property
    def pts(self) -> list[int]:
        """Presentation time of each frame in ticks."""
        step = 1 / (self.rate * self.time_base)
        return list(self.ticks) if self.ticks is not None else [round(i * step) for i in range(self.count)]


def frame_picture(clip: Clip, index: int) -> U8:
    """Frame number `index` as it is shown: markers, and a corner that tells the number."""
    height, width = clip.size_hw
    upright = (width, height) if clip.rotation_degrees % 180 else (height, width)
    image = picture(upright, clip.cells)
    image[-16:, -16:] = (index * 7) % 256
    return image


def write_clip(path: Path, clip: Clip = Clip()) -> Path:  # noqa: B008
    """Encodes a clip; the sound is a tone."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        stream.height, stream.width = clip.size_hw
        stream.pix_fmt = clip.pixel_format
        stream.codec_context.time_base = clip.time_base
        stream.codec_context.color_range, stream.codec_context.colorspace = clip.color
        if clip.rotation_degrees:
            stream.set_display_rotation(clip.rotation_degrees)
        sound: Any = out.add_stream("aac", rate=48000) if clip.sound_seconds else None
        for index, pts in enumerate(clip.pts):
            stored = np.ascontiguousarray(np.rot90(frame_picture(clip, index), -clip.rotation_degrees // 90))
            frame = av.VideoFrame.from_ndarray(stored, format="rgb24").reformat(
                format=clip.pixel_format, dst_colorspace=clip.color[1], dst_color_range=clip.color[0]
            )
            frame.pts, frame.time_base = pts, clip.time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            _write_tone(out, sound, clip.sound_seconds)
    return path


def _write_tone(out: Any, stream: Any, seconds: float) -> None:
    for number in range(round(seconds * 48000 / 1024)):
        tone = np.sin((np.arange(1024) + 1024 * number) * 2 * np.pi * 440 / 48000) / 4
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]).astype(np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, number * 1024
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def times(path: Path) -> list[Fraction]:
    """Presentation time of every frame in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def pictures(path: Path) -> list[U8]:
    """Every frame as stored, RGB."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of every sound packet."""
    with av.open(str(path)) as container:
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    """Stream, times and bytes of every packet: all of a film but its metadata, where a manifest has its own time."""
    with av.open(str(path)) as container:
        return [(p.stream_index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]
