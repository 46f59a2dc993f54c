"""A camera's frames, swapped one by one: a picture's bytes in, a marked picture's bytes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from facesdk.errors import ConsentError, ContentError, FacesdkError, MediaError
from facesdk.media.image import load_image, open_header
from facesdk.pipelines.live_overlay import draw_badge
from facesdk.pipelines.video import VideoPainter
from facesdk.provenance.label import xmp_packet
from facesdk.provenance.live_log import LiveLog
from facesdk.provenance.mark import MarkedImage
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.watermark import PixelMarker, can_carry
from facesdk.stopwatch import Stopwatch
from facesdk.types import RgbImage, Timings

QUALITY = 85
FORMATS = ("JPEG", "WEBP")


@dataclass(frozen=True)
class LiveAnswer:
    """A swapped frame.

    Attributes:
        data: JPEG with its marks.
        faces: how many are seen or held.
        swapped: how many of them carry the new face.
        timings: milliseconds by stage, with reading and writing.
    """

    data: bytes = field(repr=False)
    faces: int
    swapped: int
    timings: Timings


class LiveFeed:
    """Swaps the frames of one camera. Not for several threads.

    Args:
        new_painter: makes what follows and swaps the faces; anew when the camera changes its size.
        check: raises when the frames may not be swapped any more.
        most_pixels: of a frame, width times height.
        log: writes the session into the audit log: its begin now, its end when it is closed.
    """

    def __init__(
        self,
        new_painter: Callable[[], VideoPainter],
        check: Callable[[], object],
        most_pixels: int,
        log: LiveLog | None = None,
    ) -> None:
        self._new_painter = new_painter
        self._check = check
        self._most_pixels = most_pixels
        self._painter: VideoPainter | None = None
        self._size_hw = (0, 0)
        self._seconds = -1.0
        self._marker: PixelMarker | None = None
        self._frames = self._swapped = 0
        self._ended_by = "asked"
        self._log = log
        if log is not None:
            log.begin()

    def close(self) -> None:
        """Ends the session. May be called again."""
        if self._log is not None:
            self._log.end(self._frames, self._swapped, self._ended_by)

    def swap(self, data: bytes, seconds: float) -> LiveAnswer:
        """Swaps a frame. Every frame gets the badge and the marks, also one that shows no face.

        Args:
            data: JPEG or WebP.
            seconds: when it came.

        Raises:
            MediaError: no such picture, or too large.
            ForgottenError: the face was forgotten.
            ConsentError: its consent has ended.
            ContentError: the content check refused this frame, or an earlier one.
            BackendError: the networks failed in several frames in a row.
        """
        try:
            return self._swap(data, seconds)
        except FacesdkError as error:
            self._ended_by = "refused" if isinstance(error, ContentError | ConsentError) else "error"
            raise

    def _swap(self, data: bytes, seconds: float) -> LiveAnswer:
        self._check()
        watch = Stopwatch()
        with watch.stage("read"):
            with open_header(data, "the frame") as header:
                width, height = header.size
                if header.format not in FORMATS or width * height > self._most_pixels:
                    raise MediaError(
                        f"the frame is a {header.format} picture of {width}x{height}; {' or '.join(FORMATS)} of at "
                        f"most {self._most_pixels} pixels expected.",
                        "Choose a smaller camera picture.",
                    )
            picture = load_image(data)
        size_hw = (picture.shape[0], picture.shape[1])
        if self._painter is None or size_hw != self._size_hw:
            self._painter, self._size_hw = self._new_painter(), size_hw
        # Times that do not grow would stop the filters.
        self._seconds = max(seconds, self._seconds + 1e-3)
        painted = self._painter.paint(picture, self._seconds)
        write = Stopwatch()
        with write.stage("write"):
            # The painter may look at the frame again, so the badge goes into a copy of one that has no swap.
            image = painted.image.copy() if painted.image is picture else painted.image
            draw_badge(image)
            out = self._mark(image)
        self._frames += 1
        self._swapped += bool(painted.swapped)
        return LiveAnswer(
            out, len(painted.faces), len(painted.swapped), watch.timings + painted.timings + write.timings
        )

    def _mark(self, image: RgbImage) -> bytes:
        """Writes the pixel mark, the same one in every frame of a session, and the label; a frame is not signed."""
        marks: tuple[str, ...] = ("xmp",)
        if can_carry((image.shape[0], image.shape[1])):
            if self._marker is None:
                self._marker = PixelMarker(MarkPayload.of("swap", "live", image))
            self._marker.mark_in_place(image)
            marks = ("xmp", "pixel")
        return MarkedImage(image, "swap", xmp_packet("swap"), marks).encode("JPEG", QUALITY)
