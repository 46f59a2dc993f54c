"""Reading, encoding and joining films: times, sound, rotation, colours, damage, resume."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from facesdk.errors import InputError, MediaError
from facesdk.media.broken_storage import BrokenStorage
from facesdk.media.storage import Storage
from facesdk.media.video_encoder import ENCODERS, EncoderPlan
from facesdk.media.video_info import read_video_info
from facesdk.media.video_join import Piece, Span, copied_streams, join_pieces, video_format
from facesdk.media.video_journal import VideoJournal
from facesdk.media.video_planes import FORMATS, plain_frame, plane_arrays, put_region, working_format
from facesdk.media.video_reader import Damage, VideoReader, upright_rgb
from facesdk.media.video_segment import SegmentWriter
from facesdk.media.video_sniff import is_video_file, is_video_head
from tests.facesdk.clips import Clip, frame_picture, pictures, sound_packets, times, write_clip

IRREGULAR = [0, 700, 2100, 2400, 5000, 5001, 9000, 12000, 12345, 20000]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_read_upright(tmp_path: Path, rotation: int):
    clip = Clip(count=3, rotation_degrees=rotation)
    info = read_video_info(write_clip(tmp_path / "a.mp4", clip))
    assert info.rotation_degrees == rotation and info.size_hw == (128, 160)
    assert info.upright_hw == ((160, 128) if rotation % 180 else (128, 160))
    for picture in VideoReader(info):
        rgb = upright_rgb(picture.frame, info.rotation_degrees, 1)
        assert np.abs(rgb.astype(int) - frame_picture(clip, picture.index)).mean() < 3


def test_the_header_is_told(tmp_path: Path):
    info = read_video_info(write_clip(tmp_path / "a.mp4", Clip(sound_seconds=0.5, color=(2, 6))))
    assert (info.codec, info.frame_count, info.sound_streams) == ("h264", 30, 1)
    assert info.rate == Fraction(24000, 1001) and info.time_base == Fraction(1, 24000)
    assert info.color[:2] == (2, 6) and info.duration_seconds == pytest.approx(30 * 1001 / 24000, abs=0.05)


@pytest.mark.parametrize("at", [0, 7, 12, 28, 29])
def test_reading_goes_on_behind_any_frame(tmp_path: Path, at: int):
    info = read_video_info(write_clip(tmp_path / "a.mp4"))
    whole = list(VideoReader(info))
    rest = list(VideoReader(info, whole[at].position()))
    assert [p.index for p in rest] == list(range(at + 1, 30))
    for got, expected in zip(rest, whole[at + 1 :]):
        assert got.pts == expected.pts and bytes(got.frame.planes[0]) == bytes(expected.frame.planes[0])


def test_reading_does_not_go_on_in_another_film(tmp_path: Path):
    position = list(VideoReader(read_video_info(write_clip(tmp_path / "a.mp4"))))[10].position()
    other = read_video_info(write_clip(tmp_path / "b.mp4", Clip(cells=((2, 3),))))
    with pytest.raises(MediaError, match="does not decode as it did before"):
        list(VideoReader(other, position))


def test_a_damaged_film_gives_its_good_frames_and_the_count(tmp_path: Path):
    path = write_clip(tmp_path / "a.mp4", Clip(count=60, size_hw=(256, 320)))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    start = data.find(b"mdat") + 2000
    for place in rng.integers(start, start + (len(data) - start) // 2, 40):
        data[place] ^= 0xFF
    path.write_bytes(data)
    reader = VideoReader(read_video_info(path))
    frames = list(reader)
    assert reader.damage.corrupt_frames + reader.damage.lost_packets > 0 and reader.damage.any
    assert len(frames) >= 50 and [f.pts for f in frames] == sorted({f.pts for f in frames})


def test_a_film_that_is_cut_off(tmp_path: Path):
    path = write_clip(tmp_path / "a.ts", Clip(count=60))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 20 < len(list(VideoReader(read_video_info(path)))) < 60
    path = write_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(MediaError, match="cut off"):
        read_video_info(path)


@pytest.mark.parametrize("name", ["text.mp4", "empty.mp4", "none.mp4", "folder", "sound.mp4", "concat:a|b.mp4"])
def test_what_is_no_film_is_one_error(tmp_path: Path, name: str):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        out.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(MediaError):
        read_video_info(tmp_path / name)


def test_films_are_told_by_their_first_bytes(tmp_path: Path):
    for extension in ("mp4", "mov", "mkv", "avi", "ts", "flv", "webm", "mpg"):
        codec = {"webm": "libvpx-vp9", "mpg": "mpeg2video"}.get(extension, "libx264")
        rate, base = (
            (Fraction(24), Fraction(1, 24)) if extension in ("mpg", "avi") else (Fraction(24), Fraction(1, 24000))
        )
        clip = Clip(count=2, codec=codec, options=(), rate=rate, time_base=base)
        assert is_video_file(write_clip(tmp_path / f"a.{extension}", clip)), extension
    for head in (
        b"\x89PNG\r\n\x1a\n" + bytes(600),
        b"\xff\xd8\xff" + bytes(600),
        b"",
        b"\0\0\0\x1cftypavif" + bytes(9),
    ):
        assert not is_video_head(head)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_region_is_written_and_nothing_else(pixel_format: str, rotation: int):
    rng = np.random.default_rng(1)
    upright = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    source = av.VideoFrame.from_ndarray(stored, format="rgb24").reformat(
        format=pixel_format, dst_colorspace=1, dst_color_range=1
    )
    before = plain_frame(source, pixel_format, stored.shape[:2], 1, 1)
    frame = plain_frame(source, pixel_format, stored.shape[:2], 1, 1)
    changed = upright.copy()
    changed[6:14, 10:30] = (200, 60, 40)
    mask = np.zeros((8, 20), np.float32)
    mask[2:6, 3:17] = 1.0
    put_region(frame, changed, mask, (10, 6), rotation)
    luma = np.rot90(plane_arrays(frame)[0], rotation // 90)
    old = np.rot90(plane_arrays(before)[0], rotation // 90)
    inside = np.zeros((32, 48), bool)
    inside[8:12, 13:27] = True
    np.testing.assert_array_equal(luma[~inside], old[~inside])
    shown = upright_rgb(frame, rotation, 1)[9:11, 16:24].astype(int)
    assert np.abs(shown - (200, 60, 40)).max() <= 4
    for plane, kept in zip(plane_arrays(frame)[1:], plane_arrays(before)[1:]):
        assert (plane != kept).sum() <= 16 * 6 + 40 and (plane == kept).mean() > 0.5


def test_odd_formats_are_worked_on_in_the_nearest():
    x264 = [f.name for f in av.Codec("libx264", "w").video_formats or ()]
    assert working_format("yuvj420p", x264) == "yuv420p" and working_format("nv12", x264) == "yuv420p"
    assert working_format("yuv420p10le", x264) == "yuv420p10le"
    assert working_format("yuv422p10le", ["yuv420p", "yuv422p"]) == "yuv422p"
    assert working_format("pal8", x264) == "yuv420p"


def _copy(source: Path, target: Path, folder: Path, piece_frames: int, encoder: str = "auto", span: Span = Span()):  # noqa: B008
    """Runs a film through segments and join without changing its frames."""
    info = read_video_info(source)
    plan = EncoderPlan.of(info, encoder, 100, 1)
    streams, notes = copied_streams(info, plan, video_format(target))
    pieces, writer, last = [], None, 0
    for picture in VideoReader(info, start_pts=span.start_pts(info.time_base)):
        if span.end is not None and picture.pts * info.time_base >= span.end:
            break
        if writer is None:
            writer = SegmentWriter(folder / f"{len(pieces)}.mkv", plan, {}, Storage())
        writer.add(
            plain_frame(picture.frame, plan.pixel_format, plan.size_hw, plan.matrix, plan.range_number), picture.pts
        )
        last = int(picture.frame.duration or 0)
        if writer.frame_count == piece_frames:
            pieces.append(Piece(writer.finish(), last))
            writer = None
    if writer is not None:
        pieces.append(Piece(writer.finish(), last))
    join_pieces(target, video_format(target), pieces, info, streams, span, {"comment": "c"})
    return notes


SOURCES = {
    "23.976": Clip(sound_seconds=1.2),
    "29.97": Clip(rate=Fraction(30000, 1001), time_base=Fraction(1, 30000), sound_seconds=1.0),
    "variable": Clip(count=10, ticks=IRREGULAR, sound_seconds=1.0),
    "no sound": Clip(),
    "long sound": Clip(count=12, sound_seconds=3.0),
    "late start": Clip(count=10, ticks=[3000 + 1001 * i for i in range(10)], sound_seconds=0.6),
    "rotated 90": Clip(count=8, rotation_degrees=90, sound_seconds=0.4),
    "rotated 180": Clip(count=8, rotation_degrees=180),
    "rotated 270": Clip(count=8, rotation_degrees=270),
    "full range 601": Clip(count=8, color=(2, 6)),
    "10 bit 2020": Clip(count=8, pixel_format="yuv420p10le", color=(1, 9)),
    "4:4:4": Clip(count=8, pixel_format="yuv444p"),
}


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", SOURCES)
def test_what_goes_in_comes_out(tmp_path: Path, name: str, extension: str):
    source = write_clip(tmp_path / f"in.{extension}", SOURCES[name])
    target = tmp_path / f"out.{extension}"
    _copy(source, target, tmp_path, 7)
    drift = [abs(a - b) for a, b in zip(times(source), times(target))]
    assert len(times(source)) == len(times(target)) and max(drift) <= (Fraction(1, 1000) if extension == "mkv" else 0)
    if SOURCES[name].sound_seconds:
        assert [data for _, data in sound_packets(source)] == [data for _, data in sound_packets(target)]
        gaps = [abs(a - b) for (a, _), (b, _) in zip(sound_packets(source), sound_packets(target))]
        assert max(gaps) <= Fraction(1, 1000)
    a, b = read_video_info(source), read_video_info(target)
    assert (a.rotation_degrees, a.color, a.pixel_format, a.size_hw) == (
        b.rotation_degrees,
        b.color,
        b.pixel_format,
        b.size_hw,
    )
    for before, after in zip(pictures(source), pictures(target)):
        assert np.abs(before.astype(int) - after).mean() < 2.5


def test_the_last_frame_stays_as_long_as_it_did(tmp_path: Path):
    # Without reordered frames, which make FFmpeg write a duration that is too short.
    source = write_clip(tmp_path / "in.mp4", Clip(count=10, ticks=IRREGULAR, options=(("bf", "0"),)))
    _copy(source, tmp_path / "out.mp4", tmp_path, 4)
    assert read_video_info(tmp_path / "out.mp4").duration_seconds == pytest.approx(
        read_video_info(source).duration_seconds, abs=1e-3
    )


def test_a_part_of_a_film_starts_at_zero(tmp_path: Path):
    source = write_clip(tmp_path / "in.mp4", Clip(count=60, sound_seconds=2.4))
    span = Span(Fraction(1), Fraction(2), Fraction(1))
    _copy(source, tmp_path / "out.mp4", tmp_path, 20, span=span)
    expected = [at - 1 for at in times(source) if 1 <= at < 2]
    assert times(tmp_path / "out.mp4") == expected
    sound = sound_packets(tmp_path / "out.mp4")
    kept = [(at - 1, data) for at, data in sound_packets(source) if 1 <= at < 2]
    assert [data for _, data in sound] == [data for _, data in kept]
    assert max(abs(a - b) for (a, _), (b, _) in zip(sound, kept)) <= Fraction(1, 48000)


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "mpeg4", "ffv1"])
def test_every_software_encoder_keeps_times_and_repeats_itself(tmp_path: Path, encoder: str):
    source = write_clip(tmp_path / "in.mp4", Clip(count=12, ticks=[*IRREGULAR, 30000, 40000]))
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        _copy(source, tmp_path / f"out{number}.mkv", tmp_path / str(number), 5, encoder)
        assert max(abs(a - b) for a, b in zip(times(source), times(tmp_path / f"out{number}.mkv"))) <= Fraction(1, 1000)
    assert all((a == b).all() for a, b in zip(pictures(tmp_path / "out1.mkv"), pictures(tmp_path / "out2.mkv")))
    assert ENCODERS[encoder].exact


def test_encoders_that_are_not_there_are_told(tmp_path: Path):
    info = read_video_info(write_clip(tmp_path / "in.mp4", Clip(count=2)))
    with pytest.raises(InputError, match="libx264"):
        EncoderPlan.of(info, "h266")
    with pytest.raises(InputError, match="1 to 100"):
        EncoderPlan.of(info, quality=0)
    with pytest.raises(MediaError, match="videotoolbox"):
        EncoderPlan.of(info, "h264_videotoolbox")


def test_sound_that_a_container_cannot_hold_is_refused_before_the_work(tmp_path: Path):
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 160, 128, "yuv420p"
        sound: Any = out.add_stream("wavpack", rate=48000)
        frame = av.VideoFrame.from_ndarray(frame_picture(Clip(), 0), format="rgb24")
        frame.pts = 0
        out.mux([*video.encode(frame), *video.encode(None)])
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 2048), np.float32), format="fltp", layout="stereo")
        tone.sample_rate = 48000
        out.mux([*sound.encode(tone), *sound.encode(None)])
    info = read_video_info(path)
    plan = EncoderPlan.of(info)
    with pytest.raises(MediaError, match=r"mp4 files cannot hold sound in wavpack.*\n.*\.mkv"):
        copied_streams(info, plan, "mp4")
    assert copied_streams(info, plan, "matroska") == ((1,), ())


@pytest.mark.parametrize("capacity", [0, 100, 3000, 5000])
def test_a_full_disk_is_an_error_and_leaves_no_piece(tmp_path: Path, capacity: int):
    info = read_video_info(write_clip(tmp_path / "in.mp4", Clip(count=10)))
    plan = EncoderPlan.of(info, "ffv1")
    (tmp_path / "job").mkdir()
    with pytest.raises(MediaError, match="No space left on device"):
        writer = SegmentWriter(tmp_path / "job" / "0.mkv", plan, {}, BrokenStorage(capacity))
        for picture in VideoReader(info):
            writer.add(plain_frame(picture.frame, plan.pixel_format, plan.size_hw, 1, 1), picture.pts)
        writer.finish()
    assert list((tmp_path / "job").iterdir()) == []


def _journal_with(folder: Path, count: int) -> VideoJournal:
    info = read_video_info(write_clip(folder.parent / "in.mp4", Clip(count=10)))
    plan = EncoderPlan.of(info)
    journal = VideoJournal(folder, {"a": 1}, False, Storage())
    picture = next(iter(VideoReader(info)))
    for _ in range(count):
        writer = SegmentWriter(journal.segment_path(), plan, {}, Storage())
        writer.add(plain_frame(picture.frame, plan.pixel_format, plan.size_hw, 1, 1), picture.pts)
        journal.add(writer.finish(), picture.position(), 7, {"frames": 1}, {"x": np.arange(3.0)})
    return journal


def test_a_journal_is_read_back_and_a_torn_line_is_cut_off(tmp_path: Path):
    folder = tmp_path / "job"
    with _journal_with(folder, 3) as journal:
        written = journal.entries
    whole = (folder / "journal").read_bytes()
    with VideoJournal(folder, {"a": 1}, False, Storage()) as again:
        assert again.entries == written
        np.testing.assert_array_equal(again.last_state()["x"], np.arange(3.0))
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in (len(whole) - last, len(whole) - last + 5, len(whole) - last // 2, len(whole) - 1):
        (folder / "journal").write_bytes(whole[:cut])
        (folder / "state_000001").write_bytes((folder / "state_000002").read_bytes())
        with VideoJournal(folder, {"a": 1}, False, Storage()) as again:
            assert again.entries == written[:2]


def test_a_journal_of_another_job_or_with_lost_pieces_is_refused(tmp_path: Path):
    folder = tmp_path / "job"
    with _journal_with(folder, 2), pytest.raises(MediaError, match="another process"):
        VideoJournal(folder, {"a": 1}, False, Storage())
    with pytest.raises(MediaError, match=r"another command: a differs.*\n.*--force"):
        VideoJournal(folder, {"a": 2}, False, Storage())
    (folder / "segment_000000.mkv").unlink()
    with pytest.raises(MediaError, match="missing or was changed"):
        VideoJournal(folder, {"a": 1}, False, Storage())
    with VideoJournal(folder, {"a": 2}, True, Storage()) as fresh:
        assert fresh.entries == [] and sorted(p.name for p in folder.iterdir()) == ["journal", "lock"]


def test_damage_adds_up():
    one = Damage(1, 2, 3, 4, False, 5)
    assert one + one == Damage(2, 4, 6, 8, False, 10) and one + one - one == one
    assert not Damage(hidden_frames=3).any and Damage(cut=True).any
