"""A camera that other programs see, through pyvirtualcam."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from facesdk.errors import MediaError
from facesdk.media.live_letterbox import letterbox
from facesdk.media.live_sink import LiveSink
from facesdk.types import RgbImage

_CURES = {
    "linux": "Load the driver: sudo modprobe v4l2loopback devices=1 exclusive_caps=1 (package v4l2loopback-dkms).",
    "darwin": "Install OBS Studio 30 or later and start its virtual camera once.",
    "win32": "Install OBS Studio 26 or later.",
}


class VirtualCameraSink(LiveSink):
    """Offers the pictures to meeting programs. It has the size of the first picture; others are fitted into it.

    Args:
        device: which virtual camera, as pyvirtualcam names it; None for the first.
    """

    name = kind = "virtual camera"
    shows_line = keeps_size = True

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._camera: Any = None
        self._size_hw = (0, 0)

    def check(self) -> None:
        """See `LiveSink.check`."""
        _require()

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        """See `LiveSink.open`."""
        module = _require()
        try:
            self._camera = module.Camera(
                width=size_hw[1], height=size_hw[0], fps=fps, fmt=module.PixelFormat.RGB, device=self._device
            )
        except (RuntimeError, OSError, ValueError) as error:
            text = " ".join(str(error).split()).rstrip(".")
            raise MediaError(
                f"no virtual camera can be opened: {text}.", _CURES.get(sys.platform, "See pyvirtualcam's manual.")
            ) from error
        self._size_hw = size_hw
        self.name = f"virtual camera {self._camera.device}"

    def show(self, image: RgbImage, seconds: float) -> bool:
        """See `LiveSink.show`."""
        try:
            self._camera.send(letterbox(image, self._size_hw))
        except (RuntimeError, OSError) as error:
            raise MediaError(f"the virtual camera takes no more pictures: {error}.", "Start it again.") from error
        return True

    def close(self) -> None:
        """See `LiveSink.close`."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def _require() -> ModuleType:
    """The module `pyvirtualcam`.

    Raises:
        MediaError: it is not installed.
    """
    try:
        import pyvirtualcam
    except ImportError as error:
        raise MediaError(
            f"a virtual camera needs pyvirtualcam, which cannot be loaded: {error}.", "pip install facesdk[live]"
        ) from error
    module: ModuleType = pyvirtualcam
    return module
