from __future__ import annotations

import os
import platform
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from facesdk.errors import MediaError
from facesdk.media import live_window
from facesdk.media.live_letterbox import letterbox
from facesdk.media.live_virtual import VirtualCameraSink
from facesdk.media.live_window import TITLE, WindowSink, has_windows
from facesdk.settings import has_display


def test_letterbox():
    image = np.full((10, 20, 3), 9, np.uint8)
    assert letterbox(image, (10, 20)) is image
    tall = letterbox(image, (40, 40))
    assert tall.shape == (40, 40, 3) and (tall[10:30] == 9).all() and not tall[:10].any() and not tall[30:].any()
    wide = letterbox(image, (5, 30))
    assert (wide[:, 10:20] == 9).all() and not wide[:, :10].any() and not wide[:, 20:].any()
    assert letterbox(np.zeros((1, 4000, 3), np.uint8), (8, 8)).shape == (8, 8, 3)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a rule of glibc")
def test_picture_sized_memory_is_given_back_at_once():
    code = """
import numpy as np
from facesdk.media.live_memory import keep_memory_flat
rss = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
# A freed block of 8 MiB would teach glibc to keep blocks of this size.
del (big := [np.ones(8 << 20, np.uint8)])[0]
assert keep_memory_flat()
before = rss()
held = [np.ones(1 << 20, np.uint8) for _ in range(40)]
pin = np.ones(1000, np.uint8)
assert rss() - before > 38 << 20
held.clear()
print(rss() - before < 2 << 20)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "True\n", done.stderr


class Webcam:
    """What pyvirtualcam gives."""

    made: list[dict[str, Any]] = []

    def __init__(self, **options: Any) -> None:
        if options["width"] == 13:
            raise RuntimeError("'v4l2loopback' backend: No v4l2 loopback device found.\n")
        self.made.append(options)
        self.device, self.sent, self.closed = "/dev/video9", [], False
        options["camera"] = self

    def send(self, image: Any) -> None:
        if self.closed:
            raise RuntimeError("closed")
        self.sent.append(image)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    Webcam.made.clear()
    fake = SimpleNamespace(Camera=Webcam, PixelFormat=SimpleNamespace(RGB="RGB"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)


def test_virtual_camera(module: None):
    sink = VirtualCameraSink()
    sink.check()
    sink.open((48, 64), 30.0)
    options = Webcam.made[0]
    assert (options["width"], options["height"], options["fps"], options["fmt"]) == (64, 48, 30.0, "RGB")
    assert sink.name == "virtual camera /dev/video9" and sink.shows_line
    image = np.full((48, 64, 3), (250, 1, 2), np.uint8)
    assert sink.show(image, 0.0) and sink.show(np.zeros((96, 64, 3), np.uint8), 0.1)
    sent = options["camera"].sent
    assert (sent[0] == image).all() and sent[1].shape == (48, 64, 3)
    options["camera"].closed = True
    with pytest.raises(MediaError, match="takes no more"):
        sink.show(image, 0.2)
    sink.close()
    sink.close()


def test_no_virtual_camera(module: None, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(MediaError, match="(?s)No v4l2 loopback device found.*v4l2loopback|virtual"):
        VirtualCameraSink().open((8, 13), 30.0)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MediaError, match=r"(?s)pyvirtualcam.*facesdk\[live\]"):
        VirtualCameraSink().check()


def test_a_build_without_windows_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    assert not has_windows()
    with pytest.raises(MediaError, match="(?s)opencv-python-headless.*pip install opencv-python"):
        WindowSink().check()
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    assert has_windows()
    if sys.platform.startswith("linux"):
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        assert not has_display()
        with pytest.raises(MediaError, match="no screen"):
            WindowSink().open((4, 4), 30.0)


def test_a_window_ends_when_it_is_closed_or_q_is_pressed(monkeypatch: pytest.MonkeyPatch):
    shown: list[Any] = []
    keys, visible, gone = [-1, ord("q"), -1], [1.0, 0.0], []
    monkeypatch.setattr(live_window, "has_windows", lambda: True)
    monkeypatch.setattr(live_window, "has_display", lambda: True)
    monkeypatch.setattr(cv2, "namedWindow", lambda *a: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append((title, image)))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: keys.pop(0) if keys else -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *a: visible.pop(0))
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: gone.append(True))
    sink = WindowSink()
    sink.close()
    assert gone == []
    sink.open((4, 4), 30.0)
    image = np.full((4, 4, 3), (1, 2, 3), np.uint8)
    assert [sink.show(image, 0.0) for _ in range(3)] == [True, False, False]
    assert shown[0][0] == TITLE and shown[0][1][0, 0].tolist() == [3, 2, 1]
    sink.close()
    assert gone == [True]
