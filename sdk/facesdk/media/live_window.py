"""A window on the screen, through OpenCV."""

from __future__ import annotations

import sys

import cv2

from facesdk.errors import MediaError
from facesdk.media.live_sink import LiveSink
from facesdk.settings import has_display
from facesdk.types import RgbImage

TITLE = "facesdk (q closes)"
_KEYS = (ord("q"), ord("Q"), 27)


class WindowSink(LiveSink):
    """Shows the pictures in a window, until it is closed or q is pressed. To be used on the main thread."""

    name = kind = "window"
    shows_line = True

    def __init__(self) -> None:
        self._is_open = False

    def check(self) -> None:
        """See `LiveSink.check`."""
        if not has_windows():
            raise MediaError(
                "no window can be shown: this OpenCV was built without windows (opencv-python-headless).",
                "Replace it: pip uninstall -y opencv-python-headless && pip install opencv-python. "
                "Or give --virtual-camera, or -o FILE.",
            )
        if sys.platform.startswith("linux") and not has_display():
            # The window library would end the whole program.
            raise MediaError(
                "no window can be shown: there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set).",
                "Run it on a desktop, or give --virtual-camera, or -o FILE.",
            )

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        """See `LiveSink.open`."""
        self.check()
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
        except cv2.error as error:
            raise MediaError(f"no window can be shown: {error.err}.", "Give --virtual-camera, or -o FILE.") from error
        self._is_open = True

    def show(self, image: RgbImage, seconds: float) -> bool:
        """See `LiveSink.show`."""
        cv2.imshow(TITLE, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1) & 0xFF in _KEYS:
            return False
        return bool(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1)

    def close(self) -> None:
        """See `LiveSink.close`."""
        if self._is_open:
            self._is_open = False
            cv2.destroyAllWindows()
            cv2.waitKey(1)


def has_windows() -> bool:
    """Whether this OpenCV was built with windows."""
    for line in cv2.getBuildInformation().splitlines():
        if line.strip().startswith("GUI:"):
            return line.split(":", 1)[1].strip().upper() != "NONE"
    return hasattr(cv2, "imshow")
