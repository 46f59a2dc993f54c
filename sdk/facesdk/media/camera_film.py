"""A film in a camera's place, played at its own rate: for tests, for shows, for measurements."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from facesdk.errors import MediaError
from facesdk.media.camera import Camera, CameraFrame
from facesdk.media.video_info import VideoInfo, read_video_info
from facesdk.media.video_planes import color_matrix
from facesdk.media.video_reader import VideoReader, upright_rgb
from facesdk.types import RgbImage


class FilmCamera(Camera):
    """Plays a film.

    Args:
        path: the film.
        loop: begin anew at its end.
        paced: each frame at its own time; otherwise as fast as they are taken.
    """

    def __init__(self, path: Path, *, loop: bool = False, paced: bool = True) -> None:
        self.name = path.name
        self.lossless = not paced
        self._path, self._loop, self._paced = path, loop, paced
        self._cancelled = threading.Event()
        self._frames: Iterator[tuple[float, RgbImage]] = iter(())
        self._start: float | None = None

    def open(self) -> None:
        """See `Camera.open`."""
        self._frames = self._play(read_video_info(self._path))

    def read(self) -> CameraFrame | None:
        """See `Camera.read`."""
        # After `cancel` the decoder is left alone, and closed by the thread that used it.
        item = None if self._cancelled.is_set() else next(self._frames, None)
        if item is None:
            self._frames = iter(())
            return None
        seconds, image = item
        now = time.monotonic()
        if self._start is None:
            self._start = now - seconds
        if self._paced and self._cancelled.wait(max(0.0, self._start + seconds - now)):
            return None
        return CameraFrame(image, seconds, time.monotonic())

    def cancel(self) -> None:
        """See `Camera.cancel`."""
        self._cancelled.set()

    def close(self) -> None:
        """See `Camera.close`."""
        self._cancelled.set()

    def _play(self, info: VideoInfo) -> Iterator[tuple[float, RgbImage]]:
        """Each frame with its time; a round begins one frame after the end of the last one."""
        matrix = color_matrix(info.color[1], info.size_hw[0])
        step = float(1 / info.rate) if info.rate else 0.04
        begin = 0.0
        while True:
            last = None
            for picture in VideoReader(info):
                last = begin + float((picture.pts - info.first_pts) * info.time_base)
                yield last, upright_rgb(picture.frame, info.rotation_degrees, matrix)
            if last is None:
                raise MediaError(f"{self.name} gives no picture any more.", "Was it changed while it was played?")
            if not self._loop:
                return
            begin = last + step
