"""The decoded frames of a span of a film, as they are shown, ready for the networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from facesdk.media.video_info import VideoInfo
from facesdk.media.video_join import Span
from facesdk.media.video_planes import color_matrix
from facesdk.media.video_reader import VideoPicture, VideoReader, upright_rgb
from facesdk.types import U8

_MOST_AHEAD = 8
_MOST_BYTES = 192 << 20


@dataclass(frozen=True, eq=False)
class FrameGroup:
    """Consecutive frames of a film.

    Attributes:
        frames: each with its (H, W, 3) uint8 RGB picture, upright.
        ends_piece: whether a piece ends with the last one.
    """

    frames: list[tuple[VideoPicture, U8]]
    ends_piece: bool

    def timed(self, base: Fraction) -> list[tuple[U8, float]]:
        """Pictures with their times in seconds; `base` is the film's tick."""
        return [(image, float(picture.pts * base)) for picture, image in self.frames]


def upright_frames(reader: VideoReader, info: VideoInfo, span: Span) -> Iterator[tuple[VideoPicture, U8]]:
    """Each frame of the span with its (H, W, 3) uint8 RGB picture, upright."""
    matrix = color_matrix(info.color[1], info.size_hw[0])
    for picture in reader:
        if span.end is not None and picture.pts * info.time_base >= span.end:
            return
        yield picture, upright_rgb(picture.frame, info.rotation_degrees, matrix)


def frame_groups(
    frames: Iterable[tuple[VideoPicture, U8]], most: int, piece_ticks: int | None = None
) -> Iterator[FrameGroup]:
    """Consecutive frames that go through the networks together; none lies on both sides of a piece's border.

    Args:
        frames: in order.
        most: frames of a group.
        piece_ticks: length of a piece in the film's ticks; the first one begins with the first frame. None: no pieces.
    """
    waiting: list[tuple[VideoPicture, U8]] = []
    border: int | None = None
    for item in frames:
        begins = piece_ticks is not None and (border is None or item[0].pts >= border)
        if waiting and (begins or len(waiting) == most):
            yield FrameGroup(waiting, begins)
            waiting = []
        if begins:
            border = item[0].pts + (piece_ticks or 0)
        waiting.append(item)
    if waiting:
        yield FrameGroup(waiting, True)


def ahead_depth(info: VideoInfo) -> int:
    """How many frames may be decoded ahead, or held to be swapped together: few of large ones."""
    # RGB and YUV together are less than five bytes a pixel.
    return max(2, min(_MOST_AHEAD, _MOST_BYTES // (5 * info.size_hw[0] * info.size_hw[1])))
