"""Films through the swapper: what changes, what stays, and what survives a kill."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import BackendError, ConsentError, InputError, MediaError
from facesdk.identity import Identity
from facesdk.media.broken_storage import BrokenStorage
from facesdk.pack.reader import Pack
from facesdk.pipelines import video_job
from facesdk.pipelines.video import PaintedFrame, VideoPainter
from facesdk.provenance.film import read_film_label
from facesdk.provenance.label import SOURCE_TYPES
from facesdk.stopwatch import Stopwatch
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import Clip, frame_picture, packets, pictures, sound_packets, times, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture, write_fake_pack

ROOT = Path(__file__).parents[3]
# Three pieces of a second.
FRAMES, RATE = 36, 12
CELLS = ((1, 1), (1, 4))
MOVING = Clip(FRAMES, Fraction(RATE), Fraction(1, 12288), cells=CELLS, size_hw=(128, 192), sound_seconds=3.2)


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", MOVING)


@pytest.fixture(scope="module")
def swapped(swapper: FaceSwapper, me: Identity, film: Path) -> Path:
    out = film.with_name("whole.mp4")
    swapper.swap_video(film, me, "all").save(out)
    return out


def test_frames_come_in_order_with_their_times(swapper: FaceSwapper, me: Identity, film: Path):
    frames = []
    for frame in swapper.swap_video(film, me, "all", trim=(0.5, 1.0)):
        frames.append(frame)
    assert [f.index for f in frames] == list(range(6))
    assert [f.pts_seconds for f in frames] == pytest.approx([i / RATE for i in range(6)])
    assert all(f.swapped == (0, 1) and f.image.shape == (128, 192, 3) for f in frames)


def test_a_film_keeps_times_sound_and_all_that_is_not_swapped(film: Path, swapped: Path):
    assert times(film) == times(swapped) and sound_packets(film) == sound_packets(swapped)
    assert read_film_label(swapped) == (SOURCE_TYPES["swap"], "XMP")
    before, after = pictures(film), pictures(swapped)
    for old, new in zip(before, after):
        change = np.abs(old.astype(int) - new).max(-1)
        assert change[32:64, 32:64].mean() > 20 and change[-20:, :20].max() < 12
    assert sorted(p.name for p in film.parent.iterdir()) == ["film.mp4", "whole.mp4"]


def test_a_rotated_film_is_swapped_where_the_face_is(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    clip = Clip(count=4, rotation_degrees=90, size_hw=(128, 192), cells=((2, 1),))
    film = write_clip(tmp_path / "film.mp4", clip)
    swapper.swap_video(film, me).save(tmp_path / "out.mp4")
    for old, new in zip(pictures(film), pictures(tmp_path / "out.mp4")):
        change = np.rot90(np.abs(old.astype(int) - new).max(-1))
        assert change.shape == (192, 128) and change[64:96, 32:64].mean() > 20 and change[:20, :10].max() < 12


def test_a_film_without_faces_goes_through_as_it_is(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    film = write_clip(tmp_path / "film.mp4", Clip(count=10, cells=()))
    for frame, old in zip(swapper.swap_video(film, me), pictures(film)):
        assert frame.swapped == () and np.abs(frame.image.astype(int) - old).max() <= 2
    result = swapper.swap_video(film, me).save(tmp_path / "out.mkv", encoder="ffv1")
    assert (result.frame_count, result.swapped_count, result.faults, result.marks) == (10, 0, (), ("tag",))
    # A lossless encoder shows that not a single sample was touched.
    assert all((a == b).all() for a, b in zip(pictures(film), pictures(tmp_path / "out.mkv")))


def test_thirty_faces(swapper: FaceSwapper, me: Identity, tmp_path: Path):
    cells = tuple((row, column) for row in range(1, 18, 3) for column in range(1, 14, 3))
    film = write_clip(tmp_path / "film.mp4", Clip(count=3, cells=cells, size_hw=(608, 512)))
    for frame in swapper.swap_video(film, me, "all", min_face=32):
        assert len(frame.faces) == 30 and len(frame.swapped) == 30 and len({f.id for f in frame.faces}) == 30


def test_what_is_refused(swapper: FaceSwapper, me: Identity, film: Path, swapped: Path, tmp_path: Path):
    still = Identity.from_images(
        picture((256, 256), [(3, 3)], 220), Consent.self_(scope="still"), analyzer=swapper.analyzer
    )
    with pytest.raises(ConsentError, match="covers still, and not 'film'"):
        swapper.swap_video(film, still)
    with pytest.raises(InputError, match="--force"):
        swapper.swap_video(film, me).save(swapped)
    with pytest.raises(InputError, match="is the target itself"):
        swapper.swap_video(film, me).save(film, force=True)
    with pytest.raises(MediaError, match=r"\.gif"):
        swapper.swap_video(film, me).save(tmp_path / "out.gif")
    with pytest.raises(MediaError, match="no folder"):
        swapper.swap_video(film, me).save(tmp_path / "none" / "out.mp4")
    with pytest.raises(InputError, match="trim"):
        swapper.swap_video(film, me, trim=(2.0, 1.0))
    with pytest.raises(InputError, match="no frame"):
        swapper.swap_video(film, me, trim=(100.0, None)).save(tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_networks_that_fail_once_leave_the_frame_as_it_is(
    swapper: FaceSwapper, me: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    film = write_clip(tmp_path / "film.mp4", Clip(count=6))
    pipeline = swapper._pipeline
    assert pipeline is not None
    swap, corner = pipeline.swap_frames, (slice(-12, -4), slice(-12, -4))
    bad = frame_picture(Clip(count=6), 2)[corner].mean()

    def flaky(frames: Sequence[tuple[np.ndarray, Any]], watch: Stopwatch) -> object:
        if any(abs(image[corner].mean() - bad) < 3 for image, _ in frames):
            raise BackendError("not finite")
        return swap(frames, watch)

    monkeypatch.setattr(pipeline, "swap_frames", flaky)
    result = swapper.swap_video(film, me).save(tmp_path / "out.mp4")
    assert (result.frame_count, result.swapped_count, result.failed_count) == (6, 5, 1)
    assert "the networks failed in 1 frames" in result.faults[0]
    change = np.abs(pictures(film)[2].astype(int) - pictures(tmp_path / "out.mp4")[2])
    assert change.mean() < 3


def test_networks_that_always_fail_are_an_error(me: Identity, film: Path, tmp_path: Path):
    pack = write_fake_pack(tmp_path / "nan", paint=float("nan"))
    with FaceSwapper(pack, BACKEND, threads=1) as broken, pytest.raises(BackendError, match="not finite"):
        broken.swap_video(film, me).save(tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("capacity", [50, 30_000])
def test_a_full_disk_keeps_the_old_file_and_what_was_done(
    swapper: FaceSwapper, me: Identity, film: Path, swapped: Path, tmp_path: Path, capacity: int
):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    job = swapper.swap_video(film, me, "all")
    job._storage = BrokenStorage(capacity)
    with pytest.raises(MediaError, match="(?s)No space left.*same command again"):
        job.save(out, force=True)
    assert out.read_bytes() == b"old" and not list(tmp_path.rglob("*.tmp"))
    swapper.swap_video(film, me, "all").save(out, force=True)
    assert all((a == b).all() for a, b in zip(pictures(out), pictures(swapped)))


@pytest.mark.parametrize("stop_at", [0, 11, 12, 30])
def test_a_film_that_broke_off_becomes_the_same_file(
    swapper: FaceSwapper, me: Identity, film: Path, swapped: Path, tmp_path: Path, stop_at: int,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    paint, calls = VideoPainter.paint_frames, iter(range(1000))

    def breaking(self: VideoPainter, frames: Sequence[Any]) -> Iterator[PaintedFrame]:
        for frame in paint(self, frames):
            if next(calls) == stop_at:
                raise RuntimeError("power cut")
            yield frame

    out = tmp_path / "out.mp4"
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(VideoPainter, "paint_frames", breaking)
        swapper.swap_video(film, me, "all").save(out)
    assert not out.exists()
    result = swapper.swap_video(film, me, "all").save(out)
    assert result.resumed_count == stop_at // RATE * RATE and result.frame_count == FRAMES
    assert packets(out) == packets(swapped)


def test_another_command_does_not_go_on_with_the_work(
    swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> float:
        raise MediaError("stop here")

    with monkeypatch.context() as patch, pytest.raises(MediaError, match="stop here"):
        patch.setattr(video_job, "join_pieces", broken)
        swapper.swap_video(film, me, "all").save(tmp_path / "out.mp4")
    with pytest.raises(MediaError, match=r"another command: faces differs.*\n.*--force"):
        swapper.swap_video(film, me, "largest").save(tmp_path / "out.mp4")
    assert swapper.swap_video(film, me, "all").save(tmp_path / "out.mp4").resumed_count == FRAMES


def _start(pack: Pack, film: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.facesdk.video_child", str(pack.path), str(film), str(out)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=_environment())
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sdk'}", "OMP_NUM_THREADS": "1"}


def test_kill_9_at_random_moments(fake_pack: Pack, film: Path, swapped: Path, tmp_path: Path):
    out, dice, kills = tmp_path / "out.mp4", random.Random(3), 0
    for _ in range(4):
        child = _start(fake_pack, film, out)
        try:
            child.wait(dice.uniform(0.2, 1.5))
        except subprocess.TimeoutExpired:
            child.kill()
            kills += 1
        child.wait()
        if out.exists():
            break
        done = tmp_path / "out.mp4.job"
        assert not done.exists() or not (done / "whole.mp4").exists() or (done / "journal").exists()
    assert kills > 0
    if not out.exists() or (tmp_path / "out.mp4.job").exists():  # else the last kill came after all was done
        assert _start(fake_pack, film, out).wait(120) == 0
    assert packets(out) == packets(swapped)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]


def test_ctrl_c_leaves_a_part_that_plays_and_the_rest_for_later(
    fake_pack: Pack, film: Path, swapped: Path, tmp_path: Path
):
    out = tmp_path / "out.mp4"
    child = _start(fake_pack, film, out)
    while not list(tmp_path.glob("*.job/segment_000000.mkv")) and child.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    # Soon, but how soon a busy machine decides: that frames are left shows that it did not wait for the film's end.
    assert child.wait(60) == 130
    part = tmp_path / "out.part.mp4"
    played = pictures(part)
    whole = pictures(swapped)
    assert not out.exists() and RATE <= len(played) < FRAMES
    assert all((a == b).all() for a, b in zip(played[:RATE], whole)) and read_film_label(part) is not None
    with av.open(str(part)) as container:
        assert len(container.streams.audio) == 1
    child = _start(fake_pack, film, out)
    assert child.wait(120) == 0 and packets(out) == packets(swapped)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]
