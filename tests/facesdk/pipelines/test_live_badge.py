"""Every picture of every live sink carries the badge, at least 5 % of the shorter side high; who has none is logged."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import BackendError, MediaError, ProvenanceError
from facesdk.identity import Identity
from facesdk.media import live_window
from facesdk.media.camera import Camera, CameraFrame
from facesdk.media.live_letterbox import letterbox
from facesdk.media.live_sink import LiveSink, NullSink
from facesdk.media.live_virtual import VirtualCameraSink
from facesdk.media.live_window import WindowSink
from facesdk.pipelines.live_film import FilmSink
from facesdk.pipelines.live_overlay import badge_box, draw_badge
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.audit_key import keyed_hash
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import pictures
from tests.facesdk.fake_pack import picture

FIRST, WIDER, TALL = (128, 192), (256, 384), (320, 160)
LEAST_SHARE = 0.05
Shown = list[Any]


class Away(Camera):
    """A camera that changes its size twice, goes away, and shows a face, none, and noise."""

    name = "away"
    lossless = True

    def __init__(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (*FIRST, 3), np.uint8)
        shots = [picture(FIRST, [(1, 2)]), picture(FIRST, []), noise, None, picture(WIDER, [(2, 3)])]
        self.shots: Any = iter([*shots, picture(TALL, [(1, 2)]), None, picture(FIRST, [(1, 2)], 200)])
        self.index = 0

    def open(self) -> None: ...

    def read(self) -> CameraFrame | None:
        self.index += 1
        done = self.index > 8
        return None if done else CameraFrame(next(self.shots), self.index / 25, time.monotonic())

    def cancel(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    return tmp_path


def has_badge(image: Any, coded: bool = False) -> bool:
    """Whether the lower right corner shows the badge of this picture's size, and large enough.

    A coded picture has half of the colour's resolution, so that only its brightness can be compared.
    """
    size_hw = (image.shape[0], image.shape[1])
    x0, y0, x1, y1 = badge_box(size_hw)
    assert y1 - y0 >= LEAST_SHARE * min(size_hw) and y1 <= size_hw[0] and x1 <= size_hw[1]
    expected = np.zeros((*size_hw, 3), np.uint8)
    draw_badge(expected)
    weights = np.array([[0.2126], [0.7152], [0.0722]]) if coded else np.eye(3)
    off = np.abs((image[y0:y1, x0:x1].astype(float) - expected[y0:y1, x0:x1]) @ weights).max(-1)
    return float((off <= 25).mean()) > 0.95


def test_a_picture_without_it_would_be_found() -> None:
    image = picture(WIDER, [(2, 3)])
    assert not has_badge(image)
    draw_badge(image)
    assert has_badge(image)
    image[-30:] = 90
    assert not has_badge(image)
    # One that was made for a larger picture and shrunk with it is too small, and not where it should be.
    draw_badge(large := picture((720, 1280), []))
    fitted = letterbox(large, (320, 320))
    assert not has_badge(fitted) and not has_badge(fitted, coded=True)


def window(shown: Shown, _: Path, patch: pytest.MonkeyPatch) -> LiveSink:
    patch.setattr(live_window, "has_windows", lambda: True)
    patch.setattr(live_window, "has_display", lambda: True)
    patch.setattr(cv2, "namedWindow", lambda *a: None)
    patch.setattr(cv2, "imshow", lambda title, image: shown.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
    patch.setattr(cv2, "waitKey", lambda wait: -1)
    patch.setattr(cv2, "getWindowProperty", lambda *a: 1.0)
    patch.setattr(cv2, "destroyAllWindows", lambda: None)
    return WindowSink()


def virtual(shown: Shown, _: Path, patch: pytest.MonkeyPatch) -> LiveSink:
    def opened(**options: Any) -> Any:
        return SimpleNamespace(send=lambda image: shown.append(image.copy()), close=lambda: None, device="/dev/video9")

    fake = SimpleNamespace(Camera=opened, PixelFormat=SimpleNamespace(RGB="RGB"))
    patch.setitem(sys.modules, "pyvirtualcam", fake)
    return VirtualCameraSink()


def film(shown: Shown, folder: Path, _: pytest.MonkeyPatch) -> LiveSink:
    return FilmSink(folder / "ann at home.mp4", encoder="libx264", quality=100)


def null(shown: Shown, _: Path, patch: pytest.MonkeyPatch) -> LiveSink:
    patch.setattr(NullSink, "show", lambda self, image, seconds: shown.append(image.copy()) or True)
    return NullSink()


def own(shown: Shown, _: Path, patch: pytest.MonkeyPatch) -> LiveSink:
    class Own(NullSink):
        kind = "own"

        def show(self, image: Any, seconds: float) -> bool:
            shown.append(image.copy())
            return True

    return Own()


SINKS: dict[str, Callable[[Shown, Path, pytest.MonkeyPatch], LiveSink]] = {
    "window": window,
    "virtual camera": virtual,
    "film": film,
    "null": null,
    "own": own,
}


def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in AuditLog().path.read_text().splitlines()]


def test_every_kind_of_sink_is_here() -> None:
    kinds = {sink.kind for sink in (WindowSink, VirtualCameraSink, FilmSink, NullSink, LiveSink)}
    assert kinds == set(SINKS)


@pytest.mark.parametrize("kind", SINKS)
def test_all_pictures_carry_it(
    kind: str, swapper: FaceSwapper, me: Identity, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: Shown = []
    sink = SINKS[kind](shown, home, monkeypatch)
    # One picture fails, and stays as it was but for the badge.
    pipeline: Any = swapper._pipeline
    swap, calls = pipeline.swap, []

    def failing(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise BackendError("as if the network gave NaN")
        return swap(*arguments)

    monkeypatch.setattr(pipeline, "swap", failing)
    result = swapper.live(Away(), me, sink, "all").run()
    if kind == "film":
        shown = pictures(home / "ann at home.mp4")
    assert len(shown) == 8 and result.failed_count == 1
    assert [has_badge(image, coded=kind == "film") for image in shown] == [True] * 8
    start, *middle, end = [entry for entry in entries() if entry["kind"] == "live"]
    assert (start["event"], start["sink"], start["badge"], start["consents"]) == ("start", kind, True, ["self"])
    assert start["identities"] == [keyed_hash(me.id)] and middle == []
    assert (end["event"], end["frames"], end["ended_by"]) == ("end", result.figures.shown, "source")
    assert end["session"] == start["session"] and end["swapped"] == result.swapped_count
    text = AuditLog().path.read_text()
    assert "ann at home" not in text and me.id not in text and "video9" not in text and AuditLog().verify().ok


def test_a_camera_that_does_not_close_leaves_neither_the_film_nor_the_log_open(
    swapper: FaceSwapper, me: Identity
) -> None:
    class Stuck(Away):
        def close(self) -> None:
            raise MediaError("the device does not answer")

    class Closing(NullSink):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    sink = Closing()
    with pytest.raises(MediaError, match="does not answer"):
        swapper.live(Stuck(), me, sink).run()
    assert sink.closed == 1 and [entry["event"] for entry in entries()] == ["start", "end"]


def test_pictures_without_it_are_logged_or_not_made(
    swapper: FaceSwapper, me: Identity, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapper.live_painter(me)
    (entry,) = entries()
    assert (entry["kind"], entry["event"], entry["badge"]) == ("live", "start", False)
    assert entry["identities"] == [keyed_hash(me.id)]
    swapper.live_painter(me, badged=True)
    assert len(entries()) == 1
    # What cannot be written down is not done; a session with its badge goes on and says so.
    (home / "blocked").write_text("a file where the folder should be")
    monkeypatch.setenv("FACESDK_HOME", str(home / "blocked"))
    with pytest.raises(ProvenanceError):
        swapper.live_painter(me)
    assert swapper.live(Away(), me, NullSink()).run().figures.shown == 6


def test_a_film_of_a_live_run_names_the_consent(swapper: FaceSwapper, me: Identity, home: Path) -> None:
    swapper.live(Away(), me, FilmSink(home / "out.mp4")).run()
    (entry,) = [entry for entry in entries() if entry["kind"] == "swap"]
    assert entry["consents"] == ["self"] and entry["identities"] == [keyed_hash(me.id)]
