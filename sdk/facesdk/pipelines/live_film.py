"""A live picture into a film: marked, whole, and with the times at which the pictures were taken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from os import PathLike
from pathlib import Path

from facesdk.media.av_module import require_av
from facesdk.media.live_letterbox import letterbox
from facesdk.media.live_sink import LiveSink
from facesdk.media.storage import Storage
from facesdk.media.video_encoder import EncoderPlan
from facesdk.media.video_info import VideoInfo
from facesdk.media.video_join import Piece, Span, join_pieces, video_format
from facesdk.media.video_planes import BT709, LIMITED_RANGE
from facesdk.media.video_segment import Segment, SegmentWriter
from facesdk.pipelines.video_swap import check_film_path
from facesdk.provenance.film import film_tags
from facesdk.provenance.mark import publish_film
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.types import RgbImage

TIME_BASE = Fraction(1, 90_000)
SEGMENT_SECONDS = 10
"""A key frame, and a piece on the disk, as often as this."""


class FilmSink(LiveSink):
    """Writes what is shown into a film. It has the size of the first picture; others are fitted into it.

    Until it is closed the pieces lie in a folder beside it, NAME.live; after a crash that is what can be saved.

    Args:
        path: the film.
        encoder: "auto", or a name.
        quality: 1 to 100.
        force: replace a file that is there.
        storage: where files are made.
    """

    kind = "film"
    keeps_size = True

    def __init__(
        self,
        path: str | PathLike[str],
        encoder: str = "auto",
        quality: int = 80,
        force: bool = False,
        storage: Storage | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = f"film {self.path.name}"
        self.marks: tuple[str, ...] = ()
        """What marks the film, once it is closed."""
        self.work: Work = UNKNOWN
        """Whose faces are in it; set before it is opened."""
        self._encoder, self._quality, self._force = encoder, quality, force
        self._storage = storage or Storage()
        self._folder = self.path.with_name(self.path.name + ".live")
        self._plan: EncoderPlan | None = None
        self._info: VideoInfo | None = None
        self._writer: SegmentWriter | None = None
        self._segments: list[Segment] = []
        self._first: float | None = None
        self._begin = self._last = -1

    def check(self) -> None:
        """See `LiveSink.check`."""
        require_av()
        check_film_path(self.path, Path(), self._force)

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        """See `LiveSink.open`."""
        self.check()
        rate = Fraction(fps).limit_denominator(1001)
        colors = (LIMITED_RANGE, BT709, BT709, BT709)
        self._info = VideoInfo(
            self.path, "", "", size_hw, 0, TIME_BASE, 0, rate, None, None, "yuv420p", colors, Fraction(1), 0
        )
        self._plan = EncoderPlan.of(self._info, self._encoder, self._quality)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def show(self, image: RgbImage, seconds: float) -> bool:
        """See `LiveSink.show`."""
        plan = self._plan
        assert plan is not None
        if self._first is None:
            self._first = seconds
        pts = max(self._last + 1, round((seconds - self._first) / TIME_BASE))
        if self._writer is None or pts >= self._begin + SEGMENT_SECONDS / TIME_BASE:
            self._end_segment()
            piece = self._folder / f"{len(self._segments):06d}.mkv"
            self._writer = SegmentWriter(piece, plan, film_tags("swap"), self._storage)
            self._begin = pts
        frame = require_av().VideoFrame.from_ndarray(letterbox(image, plan.size_hw), format="rgb24")
        frame = frame.reformat(
            format=plan.pixel_format, dst_colorspace=plan.matrix, dst_color_range=plan.range_number, threads=1
        )
        self._writer.add(frame, pts)
        self._last = pts
        return True

    def close(self) -> None:
        """See `LiveSink.close`. Gives the film its name; without a picture there is none."""
        if self._plan is None or self._info is None:
            return
        plan, self._plan = self._plan, None
        self._end_segment()
        if self._segments:
            whole = self._folder / f"whole{self.path.suffix}"
            ticks = max(1, round(1 / (plan.rate * TIME_BASE)))
            pieces = [Piece(segment, ticks) for segment in self._segments]
            source = replace(self._info, path=self._segments[0].path)
            join_pieces(whole, video_format(self.path), pieces, source, (), Span(), film_tags("swap"))
            self.marks = publish_film(whole, self.path, "swap", self._storage, work=self.work)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end_segment(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._segments.append(writer.finish())
