"""The faces of several frames in one batch: not a pixel is another one, wherever the film is cut."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
import pytest

from facesdk.errors import BackendError, InputError
from facesdk.faces.crops import resize
from facesdk.identity import Identity
from facesdk.media.image import load_image
from facesdk.media.video_info import read_video_info
from facesdk.media.video_join import Span
from facesdk.media.video_reader import VideoReader
from facesdk.pipelines.base import SwapPipeline
from facesdk.pipelines.video import VideoSettings
from facesdk.pipelines.video_frames import frame_groups, upright_frames
from facesdk.runtime.select import available_backends
from facesdk.stopwatch import Stopwatch
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import Clip, packets, write_clip

FRAMES, RATE = 13, 6
BACKENDS = [name for name in ("openvino-bf16", "openvino-f32", "onnxruntime") if name in available_backends()]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's target, which moves, and is hidden in one frame."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    picture = resize(load_image(str(files("facesdk") / "demo" / "target.png")), 320, 320)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "10", "preset": "ultrafast"})
        stream.height, stream.width = picture.shape[:2]
        for index in range(FRAMES):
            shown = np.full_like(picture, 128) if index == 4 else np.roll(picture, 3 * index, 1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module", params=BACKENDS)
def nano(request: pytest.FixtureRequest) -> Iterator[FaceSwapper]:
    # On two threads OpenVINO adds up in another order for a batch of one, unless it is told not to.
    with FaceSwapper("nano", request.param, threads=2) as swapper:
        yield swapper


def test_any_number_of_frames_at_once_gives_the_same_film(nano: FaceSwapper, film: Path, tmp_path: Path):
    source = load_image(str(files("facesdk") / "demo" / "source.png"))
    me = Identity.synthetic(source, analyzer=nano.analyzer)
    for count in (1, 8):
        result = nano.swap_video(film, me, settings=VideoSettings(frames_at_once=count)).save(
            tmp_path / f"{count}.mkv", encoder="ffv1"
        )
        assert result.frame_count == FRAMES and result.swapped_count >= FRAMES - 2
    # A lossless encoder shows every level of every pixel.
    assert packets(tmp_path / "1.mkv") == packets(tmp_path / "8.mkv")


def test_the_faces_of_several_frames_share_their_batches(
    swapper: FaceSwapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    film = write_clip(tmp_path / "film.mp4", Clip(count=20, rate=Fraction(12), time_base=Fraction(1, 12288)))
    me = Identity.synthetic(next(decoded(film)), analyzer=swapper.analyzer)
    pipeline = swapper._pipeline
    assert pipeline is not None
    swap, sizes = pipeline.swap_frames, []

    def counting(frames: list, watch: Stopwatch) -> object:
        sizes.append(len(frames))
        return swap(frames, watch)

    monkeypatch.setattr(pipeline, "swap_frames", counting)
    result = swapper.swap_video(film, me).save(tmp_path / "out.mp4")
    # Twelve frames a piece: no batch reaches over a piece's end.
    assert (result.frame_count, result.swapped_count, sizes) == (20, 20, [8, 4, 8])
    frames = list(swapper.swap_video(film, me))
    assert sizes[3:] == [8, 8, 4]
    assert all({"encode", "decode", "paste"} <= frame.timings.as_dict().keys() for frame in frames)


def test_networks_that_fail_three_times_end_the_film_behind_the_good_frames(
    swapper: FaceSwapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    film = write_clip(tmp_path / "film.mp4", Clip(count=8))
    me = Identity.synthetic(next(decoded(film)), analyzer=swapper.analyzer)
    swap, fine = SwapPipeline.swap_frames, {id(None)}
    pipeline = swapper._pipeline
    assert pipeline is not None

    def failing(frames: list, watch: Stopwatch) -> object:
        if len(frames) > 1:
            raise BackendError("one of them is bad")
        fine.add(id(frames[0][0]))
        if len(fine) > 4:
            raise BackendError("this one")
        return swap(pipeline, frames, watch)

    monkeypatch.setattr(pipeline, "swap_frames", failing)
    seen = []
    with pytest.raises(BackendError, match="this one"):
        for frame in swapper.swap_video(film, me):
            seen.append((bool(frame.swapped), frame.failed))
    assert seen == [(True, False)] * 3 + [(False, True)] * 2


@pytest.mark.parametrize("count", [0, -1])
def test_no_frame_at_once_is_refused(count: int):
    """A group would be the whole film, in memory."""
    with pytest.raises(InputError, match=f"frames_at_once={count}"):
        VideoSettings(frames_at_once=count)


def decoded(film: Path) -> Iterator[np.ndarray]:
    info = read_video_info(film)
    return (image for _, image in upright_frames(VideoReader(info), info, Span()))


def test_groups_end_where_pieces_do(film: Path):
    info = read_video_info(film)
    ticks = round(1 / info.time_base)
    groups = list(frame_groups(upright_frames(VideoReader(info), info, Span()), 4, ticks))
    assert [(len(group.frames), group.ends_piece) for group in groups] == [
        (4, False), (2, True), (4, False), (2, True), (1, True),
    ]  # fmt: skip
    whole = list(frame_groups(upright_frames(VideoReader(info), info, Span()), 8))
    assert [len(group.frames) for group in whole] == [8, 5]
