"""One piece of a film that is being written: encoded, made safe, and only then named."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.errors import MediaError
from facesdk.media.av_module import require_av
from facesdk.media.storage import Storage
from facesdk.media.video_encoder import EncoderPlan
from facesdk.media.video_info import reason


@dataclass(frozen=True)
class Segment:
    """A finished piece.

    Attributes:
        path: Matroska with one video stream; its own times are worthless, since they are rounded to milliseconds.
        byte_count: of the file.
        pts: presentation time of each frame, in ticks of the film.
    """

    path: Path
    byte_count: int
    pts: tuple[int, ...]


class SegmentWriter:
    """Encodes frames into one piece, which is a function of its frames and the plan alone.

    Args:
        path: the piece's final name.
        plan: how to encode.
        metadata: tags of the file, such as the label of generated pictures.
        storage: where files are made.

    Raises:
        MediaError: it cannot be written.
    """

    def __init__(self, path: Path, plan: EncoderPlan, metadata: Mapping[str, str], storage: Storage) -> None:
        av = require_av()
        self._path, self._plan, self._storage = path, plan, storage
        self._temporary = path.with_name(path.name + ".tmp")
        self._pts: list[int] = []
        self._packets = 0
        try:
            self._file = storage.create(self._temporary)
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._container = av.open(self._file, "w", format="matroska")
            self._container.metadata.update(metadata)
            self._stream: Any = plan.open(self._container)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.abandon()
            raise self._failed(error) from error

    @property
    def frame_count(self) -> int:
        """Frames that were added."""
        return len(self._pts)

    def add(self, frame: Any, pts: int) -> None:
        """Encodes the next frame.

        Args:
            frame: PyAV's VideoFrame in the plan's pixel format and size.
            pts: presentation time in ticks; greater than the last one's.

        Raises:
            MediaError: it cannot be encoded or written; the piece is gone.
        """
        # Each piece starts its own clock: rate control must not depend on where in the film it is.
        frame.pts, frame.time_base = pts - (self._pts[0] if self._pts else pts), self._plan.time_base
        self._pts.append(pts)
        self._guard(lambda: self._mux(self._stream.encode(frame)))

    def finish(self) -> Segment:
        """Writes what is left and gives the file its name, once it is safe.

        Raises:
            MediaError: it cannot be written, or the encoder dropped frames; the piece is gone.
        """
        self._guard(self._close)
        if self._packets != len(self._pts):
            self.abandon()
            raise MediaError(
                f"{self._plan.name} made {self._packets} packets of {len(self._pts)} frames.",
                "Choose another encoder, such as --encoder libx264.",
            )
        return Segment(self._path, self._path.stat().st_size, tuple(self._pts))

    def abandon(self) -> None:
        """Closes and removes the piece."""
        # The container wants to write its end, which may be just what does not work.
        with contextlib.suppress(Exception):
            self._container.close()
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    def _close(self) -> None:
        self._mux(self._stream.encode(None))
        self._container.close()
        self._file.close()
        self._storage.publish(self._temporary, self._path)

    def _mux(self, packets: list[Any]) -> None:
        self._packets += len(packets)
        self._container.mux(packets)

    def _guard(self, work: Any) -> None:
        av = require_av()
        try:
            work()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.abandon()
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> MediaError:
        return MediaError(
            f"{self._path.parent.name} cannot be written: {reason(error)}.",
            "Free some space or choose another folder, then give the same command again: it goes on where it stopped.",
        )
