from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import BackendError, ConsentError, InputError, MediaError
from facesdk.faces.select import Rule
from facesdk.identity import Identity
from facesdk.media.camera import Camera, CameraFrame
from facesdk.media.live_sink import LiveSink, NullSink
from facesdk.pipelines import live_painter
from facesdk.pipelines.live_film import FilmSink
from facesdk.pipelines.live_frame import LiveFrame
from facesdk.pipelines.live_overlay import badge_box, draw_badge, draw_line
from facesdk.pipelines.live_painter import LivePainter
from facesdk.pipelines.video import VideoPainter
from facesdk.provenance.film import read_film_label
from facesdk.provenance.label import SOURCE_TYPES
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.watermark import PixelMarker
from facesdk.provenance.watermark_reader import read_mark
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import Clip, frame_picture, pictures, times, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture, write_fake_pack

SIZE = (128, 192)
MARK_LEVELS = 12
AWAY = None


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("facesdk-")] == []


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


class Shots(Camera):
    """A camera that gives pictures one after the other, a 25th of a second apart; None is a moment without one."""

    name = "shots"

    def __init__(self, shots: list[Any], lossless: bool = True, pause: float = 0.0, loop: bool = False) -> None:
        self.shots, self.pause, self.lossless, self.loop = shots, pause, lossless, loop
        self.index = 0
        self.is_open = False
        self.cancelled = threading.Event()

    def open(self) -> None:
        self.is_open = True

    def read(self) -> CameraFrame | None:
        if self.cancelled.wait(self.pause) or (self.index == len(self.shots) and not self.loop):
            return None
        shot = self.shots[self.index % len(self.shots)]
        self.index += 1
        return CameraFrame(None if shot is None else shot.copy(), self.index / 25, time.monotonic())

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.is_open = False


class Album(LiveSink):
    """Keeps copies."""

    name = "album"

    def __init__(self) -> None:
        self.images: list[Any] = []
        self.seconds: list[float] = []
        self.closed = 0

    def open(self, size_hw: tuple[int, int], fps: float) -> None:
        self.opened_for = (size_hw, fps)

    def show(self, image: Any, seconds: float) -> bool:
        self.images.append(image.copy())
        self.seconds.append(seconds)
        return True

    def close(self) -> None:
        self.closed += 1


def _walk(count: int) -> list[Any]:
    """A marker that stands, and a corner that tells the number."""
    clip = Clip(count=count, cells=((1, 2),), size_hw=SIZE)
    shots = [frame_picture(clip, index) for index in range(count)]
    for shot in shots:
        # The badge lies in the lower right corner; the number goes to the lower left.
        shot[-16:, :16], shot[-16:, -16:] = shot[-16:, -16:].copy(), 90
    return shots


def _but_for_the_mark(image: np.ndarray, expected: np.ndarray) -> bool:
    return int(np.abs(image.astype(int) - expected).max()) <= MARK_LEVELS


def test_live_is_the_films_swap_with_badge_and_mark(
    swapper: FaceSwapper, me: Identity, monkeypatch: pytest.MonkeyPatch
):
    shots, album = _walk(12), Album()
    marker = PixelMarker(MarkPayload("swap", "live", 7))
    monkeypatch.setattr(live_painter, "live_marker", lambda: marker)
    result = swapper.live(Shots(shots), me, album).run()
    assert swapper._pipeline is not None
    painter = VideoPainter(swapper.analyzer, swapper._pipeline, [(me, Rule("largest"))])
    for index, (shot, shown) in enumerate(zip(shots, album.images, strict=True)):
        expected = painter.paint(shot, (index + 1) / 25).image.copy()
        draw_badge(expected)
        assert (shown == marker.mark(expected)).all() and (shown != shot).any()
    assert album.seconds == [(n + 1) / 25 for n in range(12)]  # none dropped, in order
    assert (result.swapped_count, result.ended_by, album.closed) == (12, "source", 1)
    assert album.opened_for == (SIZE, 30.0) and result.sizes_hw == (SIZE,)


def test_only_what_was_shown_counts_as_swapped(swapper: FaceSwapper, me: Identity, monkeypatch: pytest.MonkeyPatch):
    painted, composite = threading.Semaphore(0), LivePainter.composite

    def composite_and_tell(painter: LivePainter, frame: LiveFrame) -> LiveFrame:
        done = composite(painter, frame)
        painted.release()
        return done

    class Slow(Album):
        """Shows a picture when the next one is painted: at the end one is left that nobody sees."""

        def show(self, image: Any, seconds: float) -> bool:
            for _ in range(1 if self.images else 2):
                assert painted.acquire(timeout=10)
            return super().show(image, seconds)

    monkeypatch.setattr(LivePainter, "composite", composite_and_tell)
    result = swapper.live(Shots(_walk(12)), me, Slow()).run(frames=3)
    assert result.figures.shown == result.swapped_count == 3


def test_every_live_picture_carries_the_pixel_mark(swapper: FaceSwapper, me: Identity):
    large = np.random.default_rng(0).integers(60, 200, (256, 320, 3), dtype=np.uint8)
    album = Album()
    swapper.live(Shots([large] * 2), me, album, "all").run()
    found = [read_mark(image) for image in album.images]
    assert all(mark is not None and (mark.payload.kind, mark.payload.medium) == ("swap", "live") for mark in found)
    assert found[0].payload == found[1].payload
    again = Album()
    swapper.live(Shots([large]), me, again, "all").run()
    other = read_mark(again.images[0])
    assert other is not None and other.payload != found[0].payload  # two sessions cannot be linked


def test_a_slow_swap_drops_frames_and_keeps_order(swapper: FaceSwapper, me: Identity, monkeypatch: pytest.MonkeyPatch):
    pipeline = swapper._pipeline
    assert pipeline is not None
    swap = pipeline.swap

    def slow(*arguments: Any) -> Any:
        time.sleep(0.04)
        return swap(*arguments)

    monkeypatch.setattr(pipeline, "swap", slow)
    album = Album()
    seen: list[int] = []
    live = swapper.live(Shots(_walk(36), lossless=False, pause=0.004, loop=True), me, album)
    live._on_frame = lambda frame: seen.append(frame.index)
    result = live.run(frames=8)
    assert seen == sorted(set(seen)) and len(seen) == 8 and max(np.diff(seen)) > 2
    # Each picture that was shown has the number that was captured.
    numbers = [float(image[-16:, :16].mean()) for image in album.images]
    assert numbers == pytest.approx([(index % 36) * 7 % 256 for index in seen], abs=3)
    assert result.figures.dropped > 10 and result.ended_by == "limit" and result.swapped_count >= 8


def test_every_picture_has_the_badge_whatever_is_in_it(swapper: FaceSwapper, me: Identity):
    shots = [picture(SIZE, cells) for cells in ([], [(1, 2)], [(1, 1), (1, 4)], [])] + [
        np.full((64, 48, 3), 200, np.uint8)
    ]
    album = Album()
    result = swapper.live(Shots(shots), me, album, "all").run()
    assert len(album.images) == 5 and result.sizes_hw == (SIZE, (64, 48))
    for shot, shown in zip(shots, album.images):
        x0, y0, x1, y1 = badge_box(shot.shape[:2])
        blank = np.zeros_like(shot)
        draw_badge(blank)
        assert _but_for_the_mark(shown[y0:y1, x0:x1], blank[y0:y1, x0:x1])
        assert y1 - y0 >= 0.05 * min(shot.shape[:2]) and x1 <= shot.shape[1] and blank[y0:y1, x0:x1].std() > 20
    # Outside badge and faces nothing changes.
    x0, y0, x1, y1 = badge_box(SIZE)
    before, after = shots[0].copy(), album.images[0].copy()
    before[y0:y1, x0:x1] = after[y0:y1, x0:x1] = 0
    assert _but_for_the_mark(after, before)


def test_a_camera_that_changes_its_size(swapper: FaceSwapper, me: Identity):
    small, large = picture(SIZE, [(1, 2)]), picture((256, 320), [(4, 6)])
    album = Album()
    result = swapper.live(Shots([small] * 3 + [large] * 3 + [small] * 3), me, album).run()
    assert [image.shape[:2] for image in album.images] == [SIZE] * 3 + [(256, 320)] * 3 + [SIZE] * 3
    assert result.swapped_count == 9 and result.sizes_hw == (SIZE, (256, 320))
    # At once, and where the face is in the picture of the new size: over the red square.
    assert np.abs(album.images[3][128:160, 192:224].astype(int) - large[128:160, 192:224]).mean() > 20
    assert _but_for_the_mark(album.images[3][:60, :120], large[:60, :120])


def test_while_the_camera_is_away_the_last_swap_stays_with_a_notice(swapper: FaceSwapper, me: Identity):
    shot = picture(SIZE, [(1, 2)])
    album = Album()
    result = swapper.live(Shots([shot, shot, AWAY, AWAY, shot]), me, album).run()
    assert len(album.images) == 5 and result.figures.shown == 3 and result.figures.captured == 3
    notice = album.images[1].copy()
    draw_line(notice, "camera away, waiting for it", notice=True)
    # The swapped picture, and never the camera's own.
    assert (album.images[2] == notice).all() and (album.images[3] == notice).all()
    assert (notice != album.images[1]).any() and (album.images[4] != notice).any()


def test_line_and_document(swapper: FaceSwapper, me: Identity):
    album = Album()
    result = swapper.live(Shots(_walk(6)), me, album, line=True).run()
    plain = Album()
    swapper.live(Shots(_walk(6)), me, plain).run()
    apart = np.abs(album.images[5].astype(int) - plain.images[5]).max(-1)
    changed = apart > 2 * MARK_LEVELS  # each session has its own mark
    assert changed[:12].any() and not changed[12:].any()
    document = json.loads(json.dumps(result.document(), allow_nan=False))
    assert document["figures"]["shown"] == 6 and document["badge"] is True and document["path"] is None
    assert set(document["figures"]["stages_ms"]) == {"capture", "analyse", "swap", "composite", "display"}
    latency = document["figures"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]


def test_stop_is_quick(swapper: FaceSwapper, me: Identity):
    camera = Shots(_walk(4), lossless=False, pause=0.005, loop=True)
    live = swapper.live(camera, me, NullSink())
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        live.stop()

    timer = threading.Timer(0.3, ask)
    timer.start()
    result = live.run()
    assert time.monotonic() - asked[0] < 2.0 and result.ended_by == "asked" and not camera.is_open
    figures = live.figures()
    assert figures is not None and figures.shown == result.figures.shown > 0
    timer.join()


def test_consent_must_cover_live(swapper: FaceSwapper, me: Identity):
    film_only = Identity.from_images(
        picture((256, 256), [(3, 3)], 220), Consent.self_(scope="still,film"), analyzer=swapper.analyzer
    )
    camera = Shots(_walk(2))
    with pytest.raises(ConsentError, match="covers still,film, and not 'live'"):
        swapper.live(camera, film_only, NullSink())
    assert not camera.is_open
    with pytest.raises(ConsentError, match="carries no consent"):
        swapper.live(camera, picture((256, 256), [(3, 3)]), NullSink())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="on this machine"):
        swapper.live("http://10.0.0.1/", me, NullSink())


def test_networks_that_fail_once_and_always(
    swapper: FaceSwapper, me: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pipeline = swapper._pipeline
    assert pipeline is not None
    swap, calls = pipeline.swap, iter(range(100))

    def flaky(*arguments: Any) -> Any:
        if next(calls) == 2:
            raise BackendError("not finite")
        return swap(*arguments)

    monkeypatch.setattr(pipeline, "swap", flaky)
    shots, album = _walk(6), Album()
    result = swapper.live(Shots(shots), me, album).run()
    assert (result.swapped_count, result.failed_count) == (5, 1)
    expected = shots[2].copy()
    draw_badge(expected)
    assert _but_for_the_mark(album.images[2], expected)
    pack = write_fake_pack(tmp_path / "nan", paint=float("nan"))
    camera, album = Shots(_walk(6), loop=True), Album()
    with FaceSwapper(pack, BACKEND, threads=1) as broken, pytest.raises(BackendError, match="not finite"):
        broken.live(camera, me, album).run()
    assert album.closed == 1 and not camera.is_open and len(album.images) <= 2


def test_a_film_of_it_is_marked_and_keeps_its_times(
    swapper: FaceSwapper, me: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import facesdk.pipelines.live_film as live_film

    monkeypatch.setattr(live_film, "SEGMENT_SECONDS", 0.2)
    out = tmp_path / "out.mp4"
    shots = _walk(12)
    shots[7] = picture((256, 320), [(4, 6)])  # another size is fitted into the film's
    sink = FilmSink(out, quality=95)
    result = swapper.live(Shots(shots), me, sink).run()
    assert result.path == out and result.marks[:2] == ("xmp", "tag") and result.sink == "film out.mp4"
    assert read_film_label(out) == (SOURCE_TYPES["swap"], "XMP")
    assert [float(t) for t in times(out)] == pytest.approx([n / 25 for n in range(12)])
    shown = pictures(out)
    assert all(image.shape == (*SIZE, 3) for image in shown)
    numbers = [int(image[-8, 8, 0]) for index, image in enumerate(shown) if index != 7]
    assert numbers == pytest.approx([n * 7 for n in range(12) if n != 7], abs=6)
    x0, y0, x1, y1 = badge_box(SIZE)
    for image in shown[:7] + shown[8:]:
        red, green, _ = image[y0:y1, x0:x1].mean((0, 1))
        assert red > 120 and red > green + 40
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]
    with pytest.raises(InputError, match="--force"):
        swapper.live(Shots(shots), me, FilmSink(out)).run()
    with pytest.raises(MediaError, match=r"\.gif"):
        FilmSink(tmp_path / "out.gif").check()


def test_a_film_ends_whole_when_the_camera_breaks(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    class Broken(Shots):
        def read(self) -> CameraFrame | None:
            if self.index == 5:
                raise MediaError("shots went away and did not come back")
            return super().read()

    out = tmp_path / "out.mkv"
    with pytest.raises(MediaError, match="did not come back"):
        swapper.live(Broken(_walk(9)), me, FilmSink(out)).run()
    assert 1 <= len(times(out)) <= 5 and read_film_label(out) == (SOURCE_TYPES["swap"], "tag")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mkv"]


def test_a_film_played_as_a_camera(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    film = write_clip(tmp_path / "film.mp4", Clip(count=8))
    album = Album()
    result = swapper.live(film, me, album, paced=False).run()
    assert len(album.images) == 8 and result.swapped_count == 8 and result.camera == "film.mp4"
    start = time.monotonic()
    played = swapper.live(film, me, NullSink()).run()
    assert time.monotonic() - start > 7 / 24 and 1 <= played.figures.shown <= 8


def test_memory_of_the_stages_does_not_grow(swapper: FaceSwapper, me: Identity):
    camera = Shots(_walk(4), loop=True)
    live = swapper.live(camera, me, NullSink())
    held: dict[int, int] = {}

    def count(frame: LiveFrame) -> None:
        if frame.index in (20, 120):
            held[frame.index] = sum(isinstance(item, LiveFrame) for item in gc.get_objects())

    live._on_frame = count
    live.run(frames=130)
    # At most one in each stage and one before each.
    assert set(held) == {20, 120} and max(held.values()) <= 9
