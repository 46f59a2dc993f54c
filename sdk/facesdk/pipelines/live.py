"""The live swap: camera, analysis, swap, compositing and display at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from facesdk.errors import ContentError
from facesdk.media.camera import Camera
from facesdk.media.live_letterbox import letterbox
from facesdk.media.live_sink import LiveSink
from facesdk.media.realtime import Captured, Realtime, Stage
from facesdk.media.realtime_meter import RealtimeFigures
from facesdk.pipelines.live_film import FilmSink
from facesdk.pipelines.live_frame import LiveFrame
from facesdk.pipelines.live_overlay import draw_badge
from facesdk.pipelines.live_painter import LivePainter
from facesdk.pipelines.live_result import Ending, LiveResult
from facesdk.pipelines.stop_signal import StopSignal
from facesdk.provenance.live_log import LiveLog
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.runtime.device import read_cpu
from facesdk.settings import Settings
from facesdk.types import RgbImage

LINE_SECONDS = 0.5
"""How often the figures in the picture change."""


def live_threads() -> int:
    """Threads for each network of a live swap: FACESDK_THREADS, or half of the cores.

    Finding the faces of one picture and making those of the one before go on side by side, so each gets its half.
    """
    return Settings.from_environment().threads or max(1, read_cpu().usable_cores // 2)


class LiveSwap:
    """A live swap; made by `FaceSwapper.live`. Nothing is opened until `run`, which may be called once.

    Args:
        open_camera: opens the camera.
        new_painter: makes what swaps the faces; it is given what writes the line, or None.
        sink: takes the pictures.
        fps: pictures a second that the sink is told to expect.
        line: write figures into the pictures; None leaves it to the sink.
        backend: what runs the networks, for the report.
        on_frame: called with each finished frame before it is shown, on the thread that runs it.
        work: whose faces, for the audit log and the marks of a film.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        new_painter: Callable[[Callable[[], str] | None], LivePainter],
        sink: LiveSink,
        fps: float,
        line: bool | None,
        backend: str,
        on_frame: Callable[[LiveFrame], None] | None = None,
        work: Work = UNKNOWN,
    ) -> None:
        self._open_camera = open_camera
        self._new_painter = new_painter
        self._sink = sink
        self._fps = fps
        self._with_line = sink.shows_line if line is None else line
        self._backend = backend
        self._on_frame = on_frame
        self._work = work
        self._size_hw = (0, 0)
        self._swapped_count = 0
        self._chain: Realtime | None = None
        self._asked = self._viewer_left = self._is_open = False
        self._line, self._line_until = "", 0.0

    def run(self, frames: int | None = None, seconds: float | None = None) -> LiveResult:
        """Swaps until Ctrl-C, `stop`, the end of the film, the closing of the window, or a limit.

        With a window as its sink it must run on the main thread.

        Args:
            frames: stop when so many pictures were shown.
            seconds: stop after so many.

        Returns:
            What was measured.

        Raises:
            MediaError: the camera or the sink cannot be opened or goes on no more.
            ContentError: the content check refused a picture: it is not shown, and none after it.
            BackendError: the networks failed in several pictures in a row, or the content check did.
        """
        self._sink.check()
        painter = self._new_painter(self._line_text if self._with_line else None)
        camera = self._open_camera()
        stages = [
            Stage("analyse", painter.analyse),
            Stage("swap", painter.swap),
            Stage("composite", painter.composite),
        ]
        chain = self._chain = Realtime(_Frames(camera), stages, self._show, lossless=camera.lossless)
        started = time.monotonic()
        log = LiveLog(self._work, self._sink.kind)
        log.begin()
        ending: str = "error"
        with StopSignal() as signal:
            try:
                chain.run(frames, seconds, lambda: signal.requested or self._asked)
                over = seconds is not None and time.monotonic() - started >= seconds
                limit = over or (frames is not None and chain.meter.shown >= frames)
                ended_by = ending = self._ending(signal.requested, limit)
            except ContentError:
                ending = "refused"
                raise
            finally:
                with ExitStack() as after:
                    # From the last one to the first, whichever of them fails.
                    after.callback(log.end, chain.meter.shown, self._swapped_count, ending)
                    after.callback(self._sink.close)
                    after.callback(camera.close)
        figures = chain.meter.figures()
        return LiveResult(
            figures,
            camera.name,
            self._sink.name,
            tuple(painter.sizes_hw),
            self._swapped_count,
            painter.failed_count,
            camera.lost_count,
            ended_by,
            self._backend,
            self._sink.path if isinstance(self._sink, FilmSink) and self._sink.marks else None,
            self._sink.marks if isinstance(self._sink, FilmSink) else (),
        )

    def stop(self) -> None:
        """Ends it in good order; from any thread."""
        self._asked = True

    def figures(self) -> RealtimeFigures | None:
        """What is measured up to now; None before `run`."""
        return None if self._chain is None else self._chain.meter.figures()

    def _show(self, frame: LiveFrame) -> bool:
        image = frame.image
        assert image is not None
        if not self._is_open:
            self._size_hw = (image.shape[0], image.shape[1])
            if isinstance(self._sink, FilmSink):
                self._sink.work = self._work
            self._sink.open(self._size_hw, self._fps)
            self._is_open = True
        if self._on_frame is not None:
            self._on_frame(frame)
        more = self._sink.show(self._fitted(image), frame.seconds)
        self._swapped_count += frame.is_swapped
        self._viewer_left = not more
        return more

    def _fitted(self, image: RgbImage) -> RgbImage:
        """For sinks of one size: a picture that has another one now, with a badge of the size that theirs asks for."""
        if not self._sink.keeps_size or (image.shape[0], image.shape[1]) == self._size_hw:
            return image
        fitted = letterbox(image, self._size_hw)
        draw_badge(fitted)
        return fitted

    def _line_text(self) -> str:
        now = time.monotonic()
        if now >= self._line_until and self._chain is not None:
            now_figures = self._chain.meter.recent()
            latency = now_figures.latency_ms
            self._line_until = now + LINE_SECONDS
            self._line = (
                f"{now_figures.fps:.1f} fps  p50 {latency.p50:.0f} ms  p95 {latency.p95:.0f} ms  "
                f"dropped {now_figures.dropped}"
                if now_figures.shown
                else "starting"
            )
        return self._line

    def _ending(self, signalled: bool, limit: bool) -> Ending:
        if signalled or self._asked:
            return "asked"
        if self._viewer_left:
            return "viewer"
        return "limit" if limit else "source"


class _Frames:
    """A camera as the first stage's source."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._count = 0

    def read(self) -> Captured | None:
        taken = self._camera.read()
        if taken is None:
            return None
        frame = LiveFrame(self._count, taken.image, taken.seconds)
        self._count += taken.image is not None
        return Captured(frame, taken.captured, counts=taken.image is not None)

    def cancel(self) -> None:
        self._camera.cancel()
