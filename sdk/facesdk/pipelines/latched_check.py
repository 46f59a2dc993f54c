"""The content check of films and live pictures: once a second, and what was refused once stays refused."""

from __future__ import annotations

import math
from typing import Literal

from facesdk.errors import ContentError
from facesdk.pipelines.content_check import ContentCheck
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.types import RgbImage


class LatchedCheck:
    """Looks at the first frame of every second of one run. After a refusal every further frame is refused, unseen.

    Which frames are looked at depends on their times only; with `second` a film that is resumed is judged as in one go.

    Args:
        check: what looks.
        use: for the error and the audit log.
        work: whose faces go into it.
    """

    def __init__(self, check: ContentCheck, use: Literal["film", "live"], work: Work = UNKNOWN) -> None:
        self.name = check.name
        """The pack of the check, with its version."""
        self._check = check
        self._use = use
        self._work = work
        self.second: int | None = None
        """The one that was looked at last."""
        self._refusal = ""

    def look(self, image: RgbImage, seconds: float) -> None:
        """Looks at a frame if its second begins with it.

        Args:
            image: (H, W, 3) uint8 RGB, before anything is painted into it.
            seconds: when it is shown or was taken.

        Raises:
            ContentError: it is refused, or an earlier one was.
            BackendError: the check's network failed.
        """
        if self._refusal:
            raise ContentError(self._refusal)
        second = math.floor(seconds)
        if second == self.second:
            return
        try:
            self._check.require(image, self._use, self._work)
        except ContentError as error:
            self._refusal = str(error)
            raise
        self.second = second
