"""The decoded frames of a span of a film, as they are shown, ready for the networks."""

from __future__ import annotations

from collections.abc import Iterator

from facesdk.media.video_info import VideoInfo
from facesdk.media.video_join import Span
from facesdk.media.video_planes import color_matrix
from facesdk.media.video_reader import VideoPicture, VideoReader, upright_rgb
from facesdk.types import U8

_MOST_AHEAD = 8
_MOST_BYTES = 192 << 20


def upright_frames(reader: VideoReader, info: VideoInfo, span: Span) -> Iterator[tuple[VideoPicture, U8]]:
    """Each frame of the span with its (H, W, 3) uint8 RGB picture, upright."""
    matrix = color_matrix(info.color[1], info.size_hw[0])
    for picture in reader:
        if span.end is not None and picture.pts * info.time_base >= span.end:
            return
        yield picture, upright_rgb(picture.frame, info.rotation_degrees, matrix)


def ahead_depth(info: VideoInfo) -> int:
    """How many frames may be decoded ahead: few of large ones."""
    # RGB and YUV together are less than five bytes a pixel.
    return max(2, min(_MOST_AHEAD, _MOST_BYTES // (5 * info.size_hw[0] * info.size_hw[1])))
