"""Cameras: where live pictures come from, and which ones may be named."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from os import PathLike, fspath
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from facesdk.errors import InputError
from facesdk.types import RgbImage

Kind = Literal["device", "url", "film"]


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One picture of a camera.

    Attributes:
        image: (H, W, 3) uint8 RGB, the receiver's own to change; None while the camera is away.
        seconds: when it was taken, on the camera's own clock; rises from frame to frame.
        captured: when it came, `time.monotonic()`.
    """

    image: RgbImage | None
    seconds: float
    captured: float


class Camera(ABC):
    """Gives pictures, one after the other.

    Attributes:
        name: what errors call it.
        lossless: it waits for whoever takes the pictures; others go on by themselves.
    """

    name: str
    lossless: bool = False

    @abstractmethod
    def open(self) -> None:
        """Starts it.

        Raises:
            MediaError: it is not there, busy, or gives no picture.
        """

    @abstractmethod
    def read(self) -> CameraFrame | None:
        """Waits for the next picture; None at the end, and after `cancel`.

        Raises:
            MediaError: it cannot go on.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Ends a `read` that waits, and all that follow; from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of it."""

    @property
    def lost_count(self) -> int:
        """How often it went away."""
        return 0


@dataclass(frozen=True)
class CameraName:
    """What a camera's name means.

    Attributes:
        kind: "device", "url" or "film".
        device: number or path of a device.
        url: address on this machine.
        film: file.
    """

    kind: Kind
    device: int | str = 0
    url: str = ""
    film: Path = Path()


def read_camera_name(name: str | int | PathLike[str]) -> CameraName:
    """Reads "0", "/dev/video0", "http://127.0.0.1:8080/video" or a film's path.

    Raises:
        InputError: an address that is not on this machine, or of another kind than http.
    """
    if isinstance(name, int):
        return _number(name)
    text = fspath(name)
    if re.fullmatch(r"-?\d+", text):
        return _number(int(text))
    if text.startswith("/dev/"):
        return CameraName("device", device=text)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return CameraName("url", url=loopback_url(text))
    return CameraName("film", film=Path(text))


def loopback_url(text: str) -> str:
    """An address with its host as a number; "localhost" is 127.0.0.1, whatever a name server says.

    Raises:
        InputError: it is not http, or its host is not this machine itself.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(f"--camera: the address cannot be read: {error}.", _CURE) from error
    if parts.scheme.lower() != "http":
        raise InputError(f"--camera {parts.scheme}://...: only http addresses are opened.", _CURE)
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise InputError(
            f"--camera http://{host}...: only cameras on this machine are opened.",
            _CURE,
        )
    place = f"[{address}]" if address.version == 6 else str(address)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(("http", f"{login}{at}{place}" + (f":{port}" if port else ""), parts.path, parts.query, ""))


def open_camera(
    name: CameraName | Camera,
    size_hw: tuple[int, int] = (720, 1280),
    fps: float = 30.0,
    *,
    loop: bool = False,
    paced: bool = True,
) -> Camera:
    """Makes the camera that a name means, and starts it.

    Args:
        name: from `read_camera_name`, or a camera, which is only started.
        size_hw: what a device is asked for; it may give another one.
        fps: likewise.
        loop: a film begins anew at its end.
        paced: a film is played at its own rate; otherwise as fast as its pictures are taken, and none is dropped.

    Raises:
        MediaError: the camera is not there, busy, or gives no picture.
    """
    camera = name if isinstance(name, Camera) else _make(name, size_hw, fps, loop, paced)
    camera.open()
    return camera


def _make(name: CameraName, size_hw: tuple[int, int], fps: float, loop: bool, paced: bool) -> Camera:
    # Only the kind that is asked for needs its library.
    from facesdk.media.camera_device import open_device
    from facesdk.media.camera_feed import CameraFeed, Device
    from facesdk.media.camera_film import FilmCamera
    from facesdk.media.camera_url import open_url

    if name.kind == "film":
        return FilmCamera(name.film, loop=loop, paced=paced)
    opener: Callable[[], Device]
    if name.kind == "url":
        url = name.url
        opener = lambda: open_url(url)  # noqa: E731
        return CameraFeed(opener, "the camera at " + urlsplit(url).netloc.rpartition("@")[2])
    device = name.device
    opener = lambda: open_device(device, size_hw, fps)  # noqa: E731
    return CameraFeed(opener, f"camera {device}")


def _number(number: int) -> CameraName:
    if number < 0:
        raise InputError(f"--camera {number}: 0 is the first camera.", _CURE)
    return CameraName("device", device=number)


_CURE = "Give a number (0 is the first camera), /dev/videoN, http://127.0.0.1:PORT/..., or a film."
