"""Where live pictures go to: what every sink can do, and the one that keeps nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod

from facesdk.types import RgbImage


class LiveSink(ABC):
    """Takes pictures, one after the other. All calls come from one thread, the one that runs the live swap.

    Attributes:
        name: in what is reported.
        kind: in the audit log, which keeps no names of files and devices; yours is "own".
        keeps_size: every picture has the size that it was opened with.
        shows_line: whether figures are written into its pictures unless it is said otherwise.
    """

    name: str
    kind: str = "own"
    shows_line: bool = False
    keeps_size: bool = False

    @abstractmethod
    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        """Starts it, before the first picture.

        Args:
            size_hw: of the first picture.
            fps: pictures a second that are expected.

        Raises:
            MediaError: it cannot be.
        """

    @abstractmethod
    def show(self, image: RgbImage, seconds: float) -> bool:
        """Takes a picture.

        Args:
            image: (H, W, 3) uint8 RGB; not changed, and not to be kept.
            seconds: when it was captured, `time.monotonic()`; rises.

        Returns:
            False when the viewer wants no more.

        Raises:
            MediaError: it cannot go on.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends it; whole, whatever happened before. Does nothing if it was not opened."""

    def check(self) -> None:  # noqa: B027 - most sinks have nothing to refuse
        """Refuses, before anything is loaded or opened, what could not work.

        Raises:
            MediaError: it could not.
        """


class NullSink(LiveSink):
    """Keeps nothing: for measurements."""

    name = kind = "null"

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        """See `LiveSink.open`."""

    def show(self, image: RgbImage, seconds: float) -> bool:
        """See `LiveSink.show`."""
        return True

    def close(self) -> None:
        """See `LiveSink.close`."""
