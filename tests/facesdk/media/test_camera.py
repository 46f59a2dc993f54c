from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facesdk.errors import InputError, MediaError
from facesdk.media.camera import loopback_url, open_camera, read_camera_name
from facesdk.media.camera_device import cameras, open_device
from facesdk.media.camera_feed import CameraFeed, FeedSettings
from facesdk.media.camera_film import FilmCamera
from tests.facesdk.clips import Clip, write_clip

QUICK = FeedSettings(
    open_seconds=0.5, silent_seconds=0.05, notice_seconds=0.02, first_pause_seconds=0.01, longest_pause_seconds=0.05
)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("facesdk-")] == []


class Scripted:
    """A camera whose pictures are written down: a size, or what happens in its place."""

    def __init__(self, script: list[Any], pause: float = 0.002) -> None:
        self.script, self.pause = script, pause
        self.opened = self.closed = 0

    def open(self) -> Scripted:
        self.opened += 1
        if self.script and self.script[0] == "gone":
            self.script.pop(0)
            raise MediaError("not there")
        return self

    def grab(self) -> Any:
        time.sleep(self.pause)
        step = self.script.pop(0) if self.script else "still"
        if step == "unplugged":
            return None
        if isinstance(step, float):
            time.sleep(step)
            step = (4, 6)
        if step == "still":
            step = (4, 6)
        if isinstance(step, BaseException):
            raise step
        return np.zeros((*step, 3), np.uint8)

    def close(self) -> None:
        self.closed += 1


# names


@pytest.mark.parametrize(
    ("text", "kind"),
    [("0", "device"), (1, "device"), ("/dev/video2", "device"), ("http://127.0.0.1:8080/video", "url"),
     ("clip.mp4", "film"), (Path("a/b.mkv"), "film")],
)  # fmt: skip
def test_names(text: Any, kind: str):
    assert read_camera_name(text).kind == kind


@pytest.mark.parametrize(
    "url",
    ["http://192.168.1.5/video", "http://example.org/", "https://127.0.0.1/", "rtsp://127.0.0.1/live", "file:///etc/passwd",
     "http://127.0.0.1.example.org/", "http://127.0.0.1@example.org/", "http://0.0.0.0/", "http://[::]/", "http:///x",
     "http://2130706433/", "http://127.1/", "http://127.0.0.1:99999/", "http://[::1/", "concat://a"],
)  # fmt: skip
def test_addresses_that_are_not_this_machine_are_refused(url: str):
    with pytest.raises(InputError, match="--camera"):
        read_camera_name(url)
    with pytest.raises(InputError):
        read_camera_name("-1")


def test_a_loopback_address_is_a_number():
    assert loopback_url("http://localhost:81/v?a=1#x") == "http://127.0.0.1:81/v?a=1"
    assert loopback_url("HTTP://me:pw@127.0.0.9/v") == "http://me:pw@127.0.0.9/v"
    assert loopback_url("http://[::1]:80/v") == "http://[::1]:80/v"


# the feed


def _read(feed: CameraFeed, count: int) -> list[Any]:
    return [frame.image is not None and frame.image.shape[:2] for frame in (feed.read() for _ in range(count)) if frame]


def test_a_camera_that_goes_away_is_found_again():
    device = Scripted([(4, 6), (4, 6), "unplugged", "gone", "gone", "gone", (8, 6)])
    # Patient enough for a machine that is busy, and away for longer than that.
    feed = CameraFeed(device.open, "camera", FeedSettings(5.0, 0.4, 0.02, 0.25, 0.25))
    feed.open()
    seen: list[Any] = []
    until = time.monotonic() + 20.0
    while (8, 6) not in seen and time.monotonic() < until:
        seen += _read(feed, 1)
    # Pictures, word that it is away, and pictures again, of another size.
    away = seen.index(False)
    assert set(seen[:away]) == {(4, 6)} and seen[-1] == (8, 6) and feed.lost_count == 1
    assert device.opened == 5
    feed.close()
    assert device.closed == 2


def test_a_thousand_unplugs():
    script: list[Any] = []
    for _ in range(1000):
        script += [(4, 6), "unplugged"]
    device = Scripted(script, pause=0.0)
    settings = FeedSettings(0.5, 5.0, 0.02, 0.0, 0.0)
    feed = CameraFeed(device.open, "camera", settings)
    feed.open()
    until = time.monotonic() + 20.0
    while device.script and time.monotonic() < until:
        assert feed.read() is not None
    assert device.opened >= 1000 and feed.lost_count == 0  # each time back before it was missed
    feed.close()
    assert device.opened == device.closed


def test_a_camera_that_hangs_is_told_of_and_survived():
    device = Scripted([(4, 6), 0.4, (8, 6)])
    feed = CameraFeed(device.open, "camera", QUICK)
    feed.open()
    seen: list[Any] = []
    while (8, 6) not in seen:
        seen += _read(feed, 1)
    assert seen.count(False) > 3 and feed.lost_count == 1 and device.opened == 1
    feed.close()


def test_close_does_not_wait_for_a_driver_that_hangs():
    device = Scripted([(4, 6), 1.2])
    feed = CameraFeed(device.open, "camera", QUICK)
    feed.open()
    time.sleep(0.05)
    start = time.monotonic()
    feed.close()
    assert time.monotonic() - start < 1.1 and feed.read() is None
    time.sleep(0.9)


def test_what_was_never_there_is_an_error():
    scripts: list[tuple[list[Any], str]] = [
        (["gone"], "not there"),
        (["unplugged"] * 3, "another program"),
        ([1.5], "no picture within"),
    ]
    for script, match in scripts:
        feed = CameraFeed(Scripted(script).open, "camera 0", QUICK)
        with pytest.raises(MediaError, match=match):
            feed.open()
    time.sleep(0.7)


def test_a_camera_that_does_not_come_back_is_given_up():
    settings = FeedSettings(0.5, 0.05, 0.02, 0.01, 0.02, give_up_seconds=0.2)
    feed = CameraFeed(Scripted([(4, 6), "unplugged", *["gone"] * 1000]).open, "camera 7", settings)
    feed.open()
    with pytest.raises(MediaError, match="camera 7 went away"):
        for _ in range(1000):
            feed.read()
    feed.close()


def test_a_fault_in_the_driver_is_raised_where_it_is_read():
    feed = CameraFeed(Scripted([(4, 6), ValueError("driver")]).open, "camera", QUICK)
    feed.open()
    with pytest.raises(ValueError, match="driver"):
        for _ in range(10):
            feed.read()
    feed.close()


# devices


class Capture:
    """What OpenCV gives for a camera."""

    def __init__(self, opened: bool = True, pictures: int = 2) -> None:
        self.opened, self.pictures = opened, pictures
        self.asked: dict[int, float] = {}
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
        return False

    def read(self) -> tuple[bool, Any]:
        self.pictures -= 1
        return (True, np.full((4, 6, 3), (1, 2, 3), np.uint8)) if self.pictures >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_a_device_is_asked_and_gives_rgb(tmp_path: Path):
    (tmp_path / "video0").touch()
    capture = Capture()
    device = open_device(0, (720, 1280), 30, lambda *_: capture, tmp_path)
    assert capture.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280 and capture.asked[cv2.CAP_PROP_FPS] == 30
    first = device.grab()
    assert first is not None and first[0, 0].tolist() == [3, 2, 1]
    assert device.grab() is not None and device.grab() is None
    device.close()
    assert capture.released


def test_devices_that_cannot_be_opened(tmp_path: Path):
    if not __import__("sys").platform.startswith("linux"):
        pytest.skip("the nodes of Linux")
    with pytest.raises(MediaError, match="there is no camera 0.*does not exist"):
        open_device(0, (1, 1), 30, lambda *_: pytest.fail("opened"), tmp_path)
    for name in ("video0", "video10", "video2", "video-x"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in cameras(tmp_path)] == ["video0", "video2", "video10"]
    with pytest.raises(MediaError, match="(?s)cannot be opened: it is busy, or it is no camera.*video2"):
        open_device(0, (1, 1), 30, lambda *_: Capture(opened=False), tmp_path)
    with pytest.raises(MediaError, match="busy"):
        open_device(0, (1, 1), 30, lambda *_: Capture(pictures=0), tmp_path)
    with pytest.raises(MediaError, match="no camera /nowhere/video1"):
        open_device("/nowhere/video1", (1, 1), 30, None, tmp_path)


def test_opencv_says_nothing_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "video0").write_bytes(b"no camera")
    with pytest.raises(MediaError, match="cannot be opened"):
        open_device(str(tmp_path / "video0"), (720, 1280), 30, None, tmp_path)
    assert capfd.readouterr().err == ""


# films


def test_a_film_at_its_own_rate(tmp_path: Path):
    film = write_clip(tmp_path / "film.mp4", Clip(count=10))
    camera = open_camera(read_camera_name(str(film)))
    start = time.monotonic()
    frames = [frame for frame in iter(camera.read, None)]
    assert len(frames) == 10 and not camera.lossless
    assert time.monotonic() - start > 9 / 24
    assert [frame.seconds for frame in frames] == pytest.approx([n * 1001 / 24000 for n in range(10)])
    assert all(a.captured >= start + a.seconds for a in frames)
    camera.close()


def test_a_film_that_loops_and_one_that_waits(tmp_path: Path):
    film = write_clip(tmp_path / "film.mp4", Clip(count=4))
    camera = FilmCamera(film, loop=True, paced=False)
    camera.open()
    frames = [camera.read() for _ in range(11)]
    times = [frame.seconds for frame in frames if frame]
    assert camera.lossless and np.diff(times) == pytest.approx([1001 / 24000] * 10, abs=1e-4)
    assert frames[0] and frames[4] and (frames[0].image == frames[4].image).all()
    camera.cancel()
    assert camera.read() is None
    camera.close()
    with pytest.raises(MediaError, match="no such file"):
        open_camera(read_camera_name(str(tmp_path / "none.mp4")))


def test_cancel_ends_the_wait_for_a_late_frame(tmp_path: Path):
    film = write_clip(tmp_path / "film.mkv", Clip(count=2, ticks=(0, 24000 * 30)))
    camera = open_camera(read_camera_name(film))
    assert camera.read() is not None
    threading.Timer(0.1, camera.cancel).start()
    start = time.monotonic()
    assert camera.read() is None and time.monotonic() - start < 20
    camera.close()


# addresses


class _Handler(BaseHTTPRequestHandler):
    asked: list[str] = []
    elsewhere = ""

    def do_GET(self) -> None:  # noqa: N802
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.elsewhere + "/video")
            self.end_headers()
            return
        if self.path == "/text":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello" * 1000)
            return
        if self.path == "/list":
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.apple.mpegurl")
            self.end_headers()
            self.wfile.write(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{self.elsewhere}/a.ts\n".encode())
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(40):
            _, data = cv2.imencode(".jpg", np.full((48, 64, 3), (0, 0, 40 + 2 * number), np.uint8))
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data.tobytes() + b"\r\n")
            time.sleep(0.01)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        _Handler.elsewhere = f"http://127.0.0.1:{running.server_port}"
        yield _Handler.elsewhere
        running.shutdown()
        thread.join()


def test_a_camera_behind_an_address(server: str, monkeypatch: pytest.MonkeyPatch):
    # A proxy from the environment would carry the pictures off this machine.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    camera = open_camera(read_camera_name(server + "/video"))
    frames = [frame for frame in (camera.read() for _ in range(5)) if frame and frame.image is not None]
    camera.close()
    assert len(frames) == 5 and all(frame.image.shape == (48, 64, 3) for frame in frames)  # type: ignore[union-attr]
    red = [int(frame.image[20, 20, 0]) for frame in frames]  # type: ignore[index]
    assert red == sorted(red) and red[0] >= 35 and all(frame.image[20, 20, 2] < 20 for frame in frames)  # type: ignore[index]


@pytest.mark.parametrize("path", ["/moved", "/text", "/list"])
def test_what_leads_elsewhere_or_is_no_camera_is_refused(server: str, path: str):
    with pytest.raises(MediaError, match=r"the camera at 127\.0\.0\.1:\d+ cannot be opened"):
        open_camera(read_camera_name(server + path))
    assert set(_Handler.asked) == {path}  # nobody followed
    with pytest.raises(MediaError, match="cannot be opened"):
        open_camera(read_camera_name("http://127.0.0.1:9/video"))
