"""A camera of this machine, through OpenCV; and why one cannot be opened, in words."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facesdk.errors import MediaError
from facesdk.types import RgbImage

OpenCapture = Callable[[int | str, int], Any]


class CvDevice:
    """An open `cv2.VideoCapture`.

    Args:
        capture: what reads.
        first: its first picture, which was read to see that it works.
    """

    def __init__(self, capture: Any, first: RgbImage) -> None:
        self._capture = capture
        self._first: RgbImage | None = first

    def grab(self) -> RgbImage | None:
        """See `camera_feed.Device`."""
        if self._first is not None:
            image, self._first = self._first, None
            return image
        return _read(self._capture)

    def close(self) -> None:
        """See `camera_feed.Device`."""
        self._capture.release()


def open_device(
    device: int | str,
    size_hw: tuple[int, int],
    fps: float,
    open_capture: OpenCapture | None = None,
    folder: Path = Path("/dev"),
) -> CvDevice:
    """Opens a camera and reads its first picture.

    Args:
        device: its number, or its path.
        size_hw: what it is asked for; it may give another size.
        fps: likewise.
        open_capture: makes the capture of a device and a backend's number; by default OpenCV.
        folder: where Linux has its devices.

    Raises:
        MediaError: it is not there, may not be opened, is busy, or gives no picture.
    """
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        _check_node(device, folder)
    log = cv2.utils.logging
    before = log.getLogLevel()
    # What OpenCV would print is said by the error.
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        capture = (open_capture or cv2.VideoCapture)(device, cv2.CAP_V4L2 if on_linux else cv2.CAP_ANY)
    finally:
        log.setLogLevel(before)
    if not capture.isOpened():
        capture.release()
        raise MediaError(f"camera {device} cannot be opened: {_reason(device, folder)}.", _cure(folder))
    _ask(capture, size_hw, fps)
    first = _read(capture)
    if first is None:
        capture.release()
        raise MediaError(f"camera {device} is busy: it was opened and gives no picture.", _BUSY)
    return CvDevice(capture, first)


def cameras(folder: Path = Path("/dev")) -> list[str]:
    """The cameras that Linux lists."""
    nodes = (path for path in folder.glob("video*") if path.name.removeprefix("video").isdecimal())
    return [str(path) for path in sorted(nodes, key=lambda path: int(path.name.removeprefix("video")))]


def _check_node(device: int | str, folder: Path) -> None:
    """Linux says by itself whether a camera is there and may be opened."""
    node = folder / f"video{device}" if isinstance(device, int) else Path(device)
    if not node.exists():
        raise MediaError(f"there is no camera {device}: {node} does not exist.", _cure(folder))
    if not os.access(node, os.R_OK | os.W_OK):
        raise MediaError(
            f"camera {device} may not be opened: no permission for {node}.",
            'Add yourself to the group "video" (usermod -a -G video NAME), and log in again.',
        )


def _ask(capture: Any, size_hw: tuple[int, int], fps: float) -> None:
    """Wishes, which a driver may refuse: compressed pictures first, since few cameras give 720p at 30 without."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_hw[1])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_hw[0])
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)


def _read(capture: Any) -> RgbImage | None:
    try:
        good, image = capture.read()
    except cv2.error:
        return None
    if not good or image is None or image.size == 0:
        return None
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _reason(device: int | str, folder: Path) -> str:
    node = folder / f"video{device}" if isinstance(device, int) else Path(device)
    try:
        os.close(os.open(node, os.O_RDWR | getattr(os, "O_NONBLOCK", 0)))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return "it is busy, another program is using it"
        if error.errno != errno.ENOENT:
            return str(error.strerror)
    return "it is busy, or it is no camera"


def _cure(folder: Path) -> str:
    found = cameras(folder)
    listed = f"Cameras here: {', '.join(found)}. " if found else "Plug one in. "
    return listed + "A film serves too: --camera FILE."


_BUSY = "Close the other program that is using it, or give another camera with --camera."
