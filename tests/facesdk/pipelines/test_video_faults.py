"""Films on disks and from sources that break: a typed error, the old file as it was, and no lost work."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import FacesdkError, MediaError
from facesdk.identity import Identity
from facesdk.media.broken_storage import BrokenStorage
from facesdk.pipelines.stop_signal import Stopped, StopSignal
from facesdk.pipelines.video_result import VideoResult
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import Clip, packets, pictures, sound_packets, write_clip
from tests.facesdk.fake_pack import picture
from tests.facesdk.faults import broken_source, largest_file

# Two pieces of a second.
FILM = Clip(7, Fraction(4), Fraction(1, 12288), cells=((1, 1),), size_hw=(96, 96), sound_seconds=1.7)
OFFSETS = 20


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", FILM)


@pytest.fixture(scope="module")
def whole(swapper: FaceSwapper, me: Identity, film: Path) -> tuple[Path, BrokenStorage]:
    """The film as it must become, and what went through the storage on the way."""
    out, storage = film.with_name("whole.mp4"), BrokenStorage()
    _save(swapper, me, film, out, storage)
    return out, storage


def _decodable(path: Path) -> int:
    """Frames that FFmpeg finds in a damaged film."""
    count = 0
    with av.open(str(path)) as container:
        # Frame threads drop what lies behind a packet that cannot be read.
        container.streams.video[0].codec_context.thread_count = 1
        for packet in container.demux(video=0):
            with contextlib.suppress(av.error.FFmpegError):
                count += len(packet.decode())
    return count


def _save(
    swapper: FaceSwapper, me: Identity, film: Path, out: Path, storage: BrokenStorage | None = None, force: bool = False
) -> VideoResult:
    job = swapper.swap_video(film, me)
    if storage is not None:
        job._storage = storage
    return job.save(out, force=force)


def _fails_and_goes_on(
    swapper: FaceSwapper, me: Identity, film: Path, folder: Path, want: Path, storage: BrokenStorage, text: str
) -> None:
    """The old file stays until the new one is whole, nothing half written has a name, and the next try ends well."""
    out = folder / "out.mp4"
    out.write_bytes(b"old")
    with pytest.raises(FacesdkError) as caught:
        _save(swapper, me, film, out, storage, force=True)
    assert text in str(caught.value), caught.value
    is_old = out.read_bytes() == b"old"
    assert (is_old or packets(out) == packets(want)) and not list(folder.rglob("*.tmp"))
    # The very call again: without --force for a job that had begun to replace the file.
    _save(swapper, me, film, out, force=True)
    assert packets(out) == packets(want) and [path.name for path in folder.iterdir()] == ["out.mp4"]
    out.unlink()


def test_the_disk_fills_up_at_any_byte(
    swapper: FaceSwapper, me: Identity, film: Path, whole: tuple[Path, BrokenStorage], tmp_path: Path
):
    want, healthy = whole
    dice = random.Random(7)
    places = [0, healthy.written - 1, *(dice.randrange(healthy.written) for _ in range(OFFSETS - 2))]
    assert healthy.written > 5000
    for place in places:
        _fails_and_goes_on(swapper, me, film, tmp_path, want, BrokenStorage(place), "No space left on device")


def test_the_disk_breaks_at_any_file(
    swapper: FaceSwapper, me: Identity, film: Path, whole: tuple[Path, BrokenStorage], tmp_path: Path
):
    want, healthy = whole
    assert healthy.calls >= 10
    for call in range(healthy.calls):
        storage = BrokenStorage(good_calls=call, number=errno.EIO)
        _fails_and_goes_on(swapper, me, film, tmp_path, want, storage, os.strerror(errno.EIO))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_the_disk_is_full_for_what_ffmpeg_writes(
    swapper: FaceSwapper, me: Identity, film: Path, whole: tuple[Path, BrokenStorage], tmp_path: Path, share: float
):
    want, out = whole[0], tmp_path / "out.mp4"
    with largest_file(round(share * want.stat().st_size)), pytest.raises(MediaError, match="cannot be written"):
        _save(swapper, me, film, out)
    assert not out.exists()
    assert _save(swapper, me, film, out).frame_count == FILM.count and packets(out) == packets(want)


@pytest.mark.parametrize("good_packets", [0, 1, 4, 6])
def test_a_source_that_cannot_be_read_to_its_end(
    swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_packets: int
):
    out = tmp_path / "out.mp4"
    with broken_source(monkeypatch, good_packets):
        if not good_packets:
            with pytest.raises(FacesdkError, match="no frame"):
                _save(swapper, me, film, out)
            assert not out.exists()
            return
        result = _save(swapper, me, film, out)
    assert 1 <= result.frame_count <= good_packets and len(pictures(out)) == result.frame_count
    assert "the source is cut off" in result.faults
    assert (
        f"{FILM.count - result.frame_count} of {FILM.count} frames of the source could not be decoded" in result.faults
    )


@pytest.mark.parametrize("seed", range(5))
def test_damage_is_counted_and_every_good_frame_is_swapped(
    swapper: FaceSwapper, me: Identity, tmp_path: Path, seed: int
):
    path = write_clip(tmp_path / "film.mp4", Clip(count=36, size_hw=(128, 160), cells=((1, 1),)))
    data = bytearray(path.read_bytes())
    # Inside the box of the pictures, whose length stands before its name: encoders differ between machines.
    name = data.find(b"mdat")
    start, end = name + 2500, name - 4 + int.from_bytes(data[name - 4 : name], "big")
    for place in np.random.default_rng(seed).integers(start, (start + end) // 2, 12 * (seed + 1)):
        data[place] ^= 0xFF
    path.write_bytes(data)
    result = _save(swapper, me, path, tmp_path / "out.mp4")
    assert result.damage.any and "of 36 frames of the source" in " ".join(result.faults)
    assert result.frame_count == len(pictures(tmp_path / "out.mp4")) == _decodable(path) > 20
    assert result.swapped_count >= result.frame_count - result.damage.corrupt_frames - 3


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_cut_film_keeps_what_is_there(swapper: FaceSwapper, me: Identity, tmp_path: Path, share: float):
    path = write_clip(tmp_path / "film.ts", Clip(count=24, size_hw=(96, 128), cells=((1, 1),), sound_seconds=1.0))
    path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    result = _save(swapper, me, path, tmp_path / "out.mkv")
    assert result.frame_count == result.swapped_count == len(pictures(tmp_path / "out.mkv"))
    assert 0.4 * share * 24 < result.frame_count < 24 and sound_packets(tmp_path / "out.mkv")


def test_the_second_ctrl_c_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with StopSignal() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(Stopped), stop.may_leave():
            pytest.fail("what may be left must not start")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with StopSignal() as stop, pytest.raises(Stopped), stop.may_leave():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
