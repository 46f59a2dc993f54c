"""A camera that another program of this machine offers over HTTP, such as a phone's or an IP camera's bridge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from facesdk.errors import MediaError
from facesdk.media.av_module import require_av
from facesdk.media.video_info import MAX_PIXELS, reason
from facesdk.media.video_planes import color_matrix
from facesdk.media.video_reader import upright_rgb
from facesdk.types import RgbImage

_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,mpegts,matroska,webm,mov,mp4,flv,h264,hevc"
"""No play lists: they name further addresses."""
_OPTIONS = {
    "protocol_whitelist": "http,tcp",
    "format_whitelist": _FORMATS,
    # Neither an answer nor the environment may send the request to another machine.
    "max_redirects": "0",
    "http_proxy": "",
    "fflags": "nobuffer",
    "flags": "low_delay",
}
_OPEN_SECONDS, _READ_SECONDS = 5.0, 1.0


class UrlDevice:
    """An open stream.

    Args:
        container: PyAV's.
        stream: its picture.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._container = container
        self._frames: Iterator[Any] = container.decode(stream)

    def grab(self) -> RgbImage | None:
        """See `camera_feed.Device`."""
        av = require_av()
        try:
            frame = next(self._frames, None)
        except (av.error.FFmpegError, OSError):
            return None
        if frame is None or frame.height * frame.width > MAX_PIXELS:
            return None
        matrix = color_matrix(int(frame.colorspace), frame.height)
        return upright_rgb(frame, round(frame.rotation / 90) * 90 % 360, matrix)

    def close(self) -> None:
        """See `camera_feed.Device`."""
        self._frames = iter(())
        self._container.close()


def open_url(url: str) -> UrlDevice:
    """Opens a stream.

    Args:
        url: from `camera.loopback_url`.

    Raises:
        MediaError: nobody answers there, or with something else than a film or pictures.
    """
    av = require_av()
    place = urlsplit(url).netloc.rpartition("@")[2]
    try:
        container = av.open(url, options=dict(_OPTIONS), timeout=(_OPEN_SECONDS, _READ_SECONDS))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"the camera at {place} cannot be opened: {reason(error)}.",
            "Check that it runs and the address is right. Addresses that lead on to others are not followed.",
        ) from error
    for stream in container.streams.video:
        stream.thread_type = "SLICE"
        return UrlDevice(container, stream)
    container.close()
    raise MediaError(f"the camera at {place} gives no picture.", "Check the address: is it sound only?")
