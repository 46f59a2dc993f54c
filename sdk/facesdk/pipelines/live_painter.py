"""The swap of live pictures in three steps that may run at the same time, each on its own picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facesdk.errors import BackendError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule
from facesdk.faces.track import Tracker
from facesdk.identity import Identity
from facesdk.ops.blend import paste_into
from facesdk.pipelines.base import SwapPipeline
from facesdk.pipelines.casting import Casting
from facesdk.pipelines.latched_check import LatchedCheck
from facesdk.pipelines.live_frame import LiveFrame
from facesdk.pipelines.live_overlay import draw_badge, draw_line
from facesdk.pipelines.steady_paint import SteadyPaintState, forget, steady_paint
from facesdk.pipelines.video import MOST_FAILURES, VideoSettings
from facesdk.provenance.watermark import can_carry, live_marker
from facesdk.stopwatch import Stopwatch
from facesdk.types import RgbImage

AWAY = "camera away, waiting for it"


class LivePainter:
    """Swaps the faces of a camera's pictures: `analyse`, then `swap`, then `composite`, each in the pictures' order.

    Each step keeps what it remembers to itself, so that each may have its own thread.

    Args:
        analyzer: finds the faces.
        pipeline: swaps them.
        pairs: identities with their rules.
        settings: how faces are followed and held still.
        min_face: smallest face to look for in pixels, or None.
        line: gives the text that is written into the pictures, or None for none.
        check: looks at the pictures before they are swapped, or None.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        pipeline: SwapPipeline,
        pairs: Sequence[tuple[Identity, Rule]],
        settings: VideoSettings | None = None,
        min_face: float | None = None,
        line: Callable[[], str] | None = None,
        check: LatchedCheck | None = None,
    ) -> None:
        self._check = check
        self._settings = settings or VideoSettings()
        self._analyzer = analyzer
        self._pipeline = pipeline
        self._pairs = tuple(pairs)
        self._min_face = min_face
        # Of `analyse`:
        self._size_hw: tuple[int, int] | None = None
        self._tracker, self._casting = self._fresh()
        # Of `composite`:
        self._line = line
        self._steady = SteadyPaintState()
        self._failures = 0
        self._last: RgbImage | None = None
        self._marker = live_marker()
        self.failed_count = 0
        """Pictures whose networks failed."""
        self.sizes_hw: list[tuple[int, int]] = []
        """The sizes of the pictures, in the order in which they first came."""

    def analyse(self, frame: LiveFrame) -> LiveFrame:
        """Finds and follows the faces, and says who is swapped.

        Raises:
            ContentError: the content check refused this picture. It is not shown, and none after it.
        """
        image = frame.image
        if image is None:
            return frame
        if self._check is not None:
            self._check.look(image, frame.seconds)
        size_hw = (image.shape[0], image.shape[1])
        if size_hw != self._size_hw:
            # Places in a picture of another size mean nothing in this one.
            self._size_hw, frame.is_first = size_hw, True
            self._tracker, self._casting = self._fresh()
            if size_hw not in self.sizes_hw:
                self.sizes_hw.append(size_hw)
        try:
            frame.faces = tuple(self._tracker.update(image, frame.seconds, Stopwatch()))
        except BackendError as error:
            frame.failed = error
            return frame
        frame.known = frozenset(track.id for track in self._tracker.state.tracks)
        self._casting.forget(set(frame.known))
        frame.cast = tuple((face, who) for face, who in self._casting.cast(frame.faces) if face.strength > 0.0)
        return frame

    def swap(self, frame: LiveFrame) -> LiveFrame:
        """Makes the new faces."""
        if frame.image is None or not frame.cast:
            return frame
        try:
            frame.swaps = self._pipeline.swap(frame.image, [(f.face, who) for f, who in frame.cast], Stopwatch())
        except BackendError as error:
            frame.failed = error
        return frame

    def composite(self, frame: LiveFrame) -> LiveFrame:
        """Holds the new faces still, pastes them, and marks the picture; while the camera is away, the last one again.

        Raises:
            BackendError: the networks failed in MOST_FAILURES pictures in a row.
        """
        image = frame.image
        if image is None:
            assert self._last is not None, "a camera gives a picture before it goes away"
            frame.image = self._last.copy()
            draw_line(frame.image, AWAY, notice=True)
            return frame
        self._paint(frame, image)
        draw_badge(image)
        self._last = image
        if self._line is not None:
            draw_line(image, self._line())
        if can_carry((image.shape[0], image.shape[1])):
            self._marker.mark_in_place(image)
        return frame

    def _paint(self, frame: LiveFrame, image: RgbImage) -> None:
        if frame.is_first:
            self._steady = SteadyPaintState()
        if frame.failed is not None:
            self._failures += 1
            self.failed_count += 1
            if self._failures >= MOST_FAILURES:
                raise frame.failed
            return
        self._failures = 0
        forget(self._steady, set(frame.known))
        # All are held still against the picture as it came, before any is pasted.
        steady = [
            steady_paint(self._steady, face.id, swap, image, frame.seconds, self._settings.steady)
            for (face, _), swap in zip(frame.cast, frame.swaps)
        ]
        for (face, _), swap in zip(frame.cast, steady):
            mask = swap.mask if face.strength >= 1.0 else swap.mask * np.float32(face.strength)
            paste_into(image, swap.crop, mask, swap.matrix)

    def _fresh(self) -> tuple[Tracker, Casting]:
        analyzer = self._analyzer
        tracker = Tracker(analyzer, self._settings.track, self._min_face, analyzer.min_presence, analyzer.evidence)
        return tracker, Casting(self._pairs)
