"""The marks of a film: in each frame that a network changed, over its corner, and on the file when it is closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.media.storage import Storage
from facesdk.media.video_planes import plane_arrays, put_region
from facesdk.pipelines.video import PaintedFrame
from facesdk.provenance.film import film_tags
from facesdk.provenance.label import aigc_element
from facesdk.provenance.mark import publish_film
from facesdk.provenance.payload import VERSION, MarkPayload
from facesdk.provenance.profiles import find_profile
from facesdk.provenance.visible_label import draw_label, label_box
from facesdk.provenance.watermark import PixelMarker, can_carry
from facesdk.provenance.work import UNKNOWN, Work


@dataclass(frozen=True)
class FilmMarks:
    """Which marks a film shall carry.

    Attributes:
        profile: a name in `provenance.profiles.PROFILES`.
        label: draw a visible label, whatever the profile says.
        work: how the film is made.
    """

    profile: str = "default"
    label: bool = False
    work: Work = field(default=UNKNOWN, repr=False)

    @property
    def facts(self) -> dict[str, Any]:
        """What of them decides the frames, as JSON values: a job goes on only with the same ones."""
        return {"profile": self.profile, "label": self.label, "pixel": VERSION}


class FilmMarker:
    """Marks the frames of one film, and the file.

    Args:
        marks: which marks.
        job: all that tells the film's job from others; the pixel mark's number is a hash of it, so that a job that is
            resumed goes on with the same one.
        size_hw: of the frames.
    """

    def __init__(self, marks: FilmMarks, job: str, size_hw: tuple[int, int]) -> None:
        self._marks = marks
        self._profile = find_profile(marks.profile)
        self._payload = MarkPayload.of("swap", "film", job) if can_carry(size_hw) else None
        self._marker = PixelMarker(self._payload) if self._payload else None
        self._text = self._profile.text("swap") if marks.label or self._profile.visible else ""
        number = self._payload.text if self._payload else ""
        self.tags = film_tags("swap", aigc_element(number) if self._profile.implicit_json else "")
        """Of the container."""

    def mark(self, frame: Any, painted: PaintedFrame, rotation_degrees: int, seconds: float) -> bool:
        """Marks a frame. One that no network changed stays as it is, but for the visible label.

        Args:
            frame: from `video_planes.plain_frame`, with the swap in it; changed.
            painted: the swap.
            rotation_degrees: of the film.
            seconds: since the film's first frame.

        Returns:
            Whether it carries the pixel mark.
        """
        most = self._profile.film_seconds
        if self._text and (most is None or self._marks.label or seconds < most):
            height, width = painted.image.shape[:2]
            x0, y0, x1, y1 = label_box((height, width), self._text)
            shown = np.ones((y1 - y0, x1 - x0), np.float32)
            put_region(frame, draw_label(painted.image, self._text), shown, (x0, y0), rotation_degrees)
        if self._marker is None or painted.roi.is_empty:
            return False
        self._marker.mark_in_place(plane_arrays(frame)[0])
        return True

    def publish(self, temporary: Path, target: Path, storage: Storage, marked_frames: int) -> tuple[str, ...]:
        """Marks the finished file and gives it its name; see `provenance.mark.publish_film`.

        Args:
            temporary, target, storage: as there.
            marked_frames: how many of its frames carry the pixel mark.
        """
        return publish_film(
            temporary,
            target,
            "swap",
            storage,
            work=self._marks.work,
            payload=self._payload if marked_frames else None,
            profile=self._marks.profile,
            visible=bool(self._text),
            untouched=not marked_frames,
        )
