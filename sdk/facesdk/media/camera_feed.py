"""A camera that may go away and come back: read on a thread of its own, opened again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from facesdk.errors import FacesdkError, MediaError
from facesdk.media.camera import Camera, CameraFrame
from facesdk.types import RgbImage


class Device(Protocol):
    """An open camera."""

    def grab(self) -> RgbImage | None:
        """Waits for the next picture; None if it gives none any more."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


@dataclass(frozen=True)
class FeedSettings:
    """How patient the feed is.

    Attributes:
        open_seconds: how long the first picture may take.
        silent_seconds: without a picture for so long, the camera counts as away.
        notice_seconds: from one word that it is away to the next.
        first_pause_seconds, longest_pause_seconds: before it is opened again; the pause doubles each time.
        give_up_seconds: away for so long, it does not come back.
    """

    open_seconds: float = 10.0
    silent_seconds: float = 1.0
    notice_seconds: float = 0.2
    first_pause_seconds: float = 0.05
    longest_pause_seconds: float = 0.5
    give_up_seconds: float = 300.0


class CameraFeed(Camera):
    """Reads a device all the time, so that nothing old waits in its driver, and gives the newest picture.

    While it is away, `read` gives frames without a picture.

    Args:
        opener: opens the device; raises MediaError if it cannot.
        name: what errors call it.
        settings: how patient it is.
    """

    def __init__(self, opener: Callable[[], Device], name: str, settings: FeedSettings | None = None) -> None:
        self.name = name
        self._opener = opener
        self._settings = settings or FeedSettings()
        self._changed = threading.Condition()
        self._newest: tuple[RgbImage, float] | None = None
        self._fault: BaseException | None = None
        self._ended = False
        self._lost = 0
        self._away_since: float | None = None
        self._thread = threading.Thread(target=self._feed, name="facesdk-camera", daemon=True)

    def open(self) -> None:
        """See `Camera.open`. Waits for the first picture."""
        self._thread.start()
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._newest is not None or self._fault is not None, self._settings.open_seconds
            )
            fault = self._fault if self._newest is None else None
        if not done:
            fault = MediaError(
                f"{self.name} gave no picture within {self._settings.open_seconds:g} s.",
                "Unplug it and plug it in again, or give another one with --camera.",
            )
        if fault is not None:
            self.close()
            raise fault

    def read(self) -> CameraFrame | None:
        """See `Camera.read`."""
        settings = self._settings
        with self._changed:
            patience = settings.silent_seconds if self._away_since is None else settings.notice_seconds
            self._changed.wait_for(
                lambda: self._newest is not None or self._ended or self._fault is not None, timeout=patience
            )
            if self._ended:
                return None
            if self._fault is not None:
                raise self._fault
            now = time.monotonic()
            if self._newest is not None:
                (image, captured), self._newest = self._newest, None
                self._away_since = None
                return CameraFrame(image, captured, captured)
            if self._away_since is None:
                self._away_since = now
                self._lost += 1
            elif now - self._away_since > settings.give_up_seconds:
                raise MediaError(
                    f"{self.name} went away and did not come back within {settings.give_up_seconds:g} s.",
                    "Plug it in, and start again.",
                )
            return CameraFrame(None, now, now)

    def cancel(self) -> None:
        """See `Camera.cancel`."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """See `Camera.close`. A driver that hangs keeps its thread until it answers; nobody waits for that."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join(0.5)

    @property
    def lost_count(self) -> int:
        """See `Camera.lost_count`."""
        return self._lost

    def _feed(self) -> None:
        pause = self._settings.first_pause_seconds
        had_picture = False
        while not self._ended:
            try:
                device = self._opener()
            except FacesdkError as error:
                # What never was there is an error; what was there is waited for.
                if not had_picture:
                    self._fail(error)
                    return
                self._sleep(pause)
                pause = min(2.0 * pause, self._settings.longest_pause_seconds)
                continue
            except BaseException as error:
                self._fail(error)
                return
            try:
                got = self._drain(device)
            except BaseException as error:
                self._fail(error)
                return
            finally:
                device.close()
            if got:
                had_picture, pause = True, self._settings.first_pause_seconds
            elif not had_picture and not self._ended:
                self._fail(
                    MediaError(
                        f"{self.name} was opened and gives no picture: another program may be using it.",
                        "Close the other program, or give another camera with --camera.",
                    )
                )
                return
            self._sleep(pause)
            pause = min(2.0 * pause, self._settings.longest_pause_seconds) if not got else pause

    def _drain(self, device: Device) -> bool:
        """Reads until the device gives nothing more; whether it ever gave a picture."""
        got = False
        while not self._ended:
            image = device.grab()
            if image is None:
                break
            got = True
            with self._changed:
                self._newest = (image, time.monotonic())
                self._changed.notify_all()
        return got

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._fault = error
            self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, timeout=seconds)
