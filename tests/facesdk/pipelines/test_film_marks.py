"""Marks of films: in every frame that a network changed, in no other, and the same after a break."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import ProvenanceError
from facesdk.identity import Identity
from facesdk.media.video_planes import plane_arrays
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.mark import marks_text
from facesdk.provenance.verify import examine
from facesdk.provenance.visible_label import label_box
from facesdk.provenance.watermark_reader import read_frames
from facesdk.swapper import FaceSwapper
from tests.facesdk.clips import Clip, pictures, write_clip
from tests.facesdk.fake_pack import picture

SIZE_HW = (256, 320)
CLIP = Clip(count=8, size_hw=SIZE_HW, cells=((2, 3),))
SIGNED = ("c2pa",) if has_c2pa() else ()


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", CLIP)


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [plane_arrays(frame)[0].copy() for frame in container.decode(video=0)]


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
def test_every_layer_of_a_film_is_found(
    swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path, extension: str
) -> None:
    before = AuditLog().verify().entries
    result = swapper.swap_video(film, me).save(tmp_path / f"out.{extension}")
    boxes = extension != "mkv"
    assert result.marks == ((("xmp",) if boxes else ()) + ("tag", "pixel") + (SIGNED if boxes else ()))
    assert ("(C2PA: " in marks_text(result.marks)) == (not (boxes and has_c2pa()))
    report = examine(result.path)
    status = {layer.layer: layer.status for layer in report.layers}
    assert status["xmp"] == status["pixel"] == "found" and report.generated and not report.broken
    if has_c2pa():
        assert status["c2pa"] == ("found" if boxes else "absent")
    log = AuditLog().verify()
    assert log.ok and log.entries == before + 1
    assert [file.name for file in tmp_path.iterdir()] == [f"out.{extension}"]


def test_the_mark_is_faint_and_says_the_job(swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path) -> None:
    found = []
    for name in ("a.mkv", "b.mkv"):
        swapper.swap_video(film, me).save(tmp_path / name, encoder="ffv1")
        found.append(read_frames(luma(tmp_path / name)))
    assert found[0] is not None and found[1] is not None and found[0].payload == found[1].payload
    assert found[0].payload.medium == "film" and found[0].payload.kind == "swap"
    other = swapper.swap_video(film, me, trim=(0.1, None)).save(tmp_path / "c.mkv", encoder="ffv1")
    third = read_frames(luma(other.path))
    assert third is not None and third.payload != found[0].payload
    # Away from the face the only change is the mark: at least 42 dB.
    for old, new in zip(luma(film), luma(tmp_path / "a.mkv")):
        error = old[-60:].astype(float) - new[-60:]
        assert 0 < np.square(error).mean() < 255**2 / 10**4.2


def test_a_rotated_film_carries_it_too(swapper: FaceSwapper, me: Identity, tmp_path: Path) -> None:
    clip = Clip(count=6, rotation_degrees=90, size_hw=SIZE_HW, cells=((2, 3),))
    film = write_clip(tmp_path / "film.mp4", clip)
    result = swapper.swap_video(film, me).save(tmp_path / "out.mp4", quality=95, label=True)
    assert {layer.layer for layer in examine(result.path).layers if layer.status == "found"} >= {"xmp", "pixel"}
    x0, y0, x1, y1 = label_box(SIZE_HW[::-1])
    for frame in pictures(result.path):
        shown = np.rot90(frame)[y0:y1, x0:x1] if frame.shape[:2] == SIZE_HW else frame[y0:y1, x0:x1]
        assert shown.max() > 200 and np.median(shown) < 100


def test_the_visible_label_is_in_every_frame(swapper: FaceSwapper, me: Identity, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", Clip(count=4, size_hw=SIZE_HW, cells=()))
    result = swapper.swap_video(film, me).save(tmp_path / "out.mkv", encoder="ffv1", label=True)
    assert result.marks == ("tag", "visible")
    x0, y0, x1, y1 = label_box(SIZE_HW)
    for old, new in zip(pictures(film), pictures(result.path)):
        changed = np.abs(new.astype(int) - old).max(-1) > 30
        assert changed[y0:y1, x0:x1].mean() > 0.9
        changed[y0:y1, x0:x1] = False
        assert not changed.any()


def test_a_profile_that_cannot_be_kept_writes_nothing(
    swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path
) -> None:
    with pytest.raises(ProvenanceError, match="profile eu requires"):
        swapper.swap_video(film, me).save(tmp_path / "out.mkv", profile="eu")
    assert list(tmp_path.iterdir()) == []
    if has_c2pa():
        faceless = write_clip(tmp_path / "faceless.mp4", Clip(count=3, size_hw=SIZE_HW, cells=()))
        assert "pixel" not in swapper.swap_video(faceless, me).save(tmp_path / "eu.mp4", profile="eu").marks
    result = swapper.swap_video(film, me).save(tmp_path / "cn.mp4", profile="cn")
    assert "visible" in result.marks and b"TC260:AIGC" in result.path.read_bytes()
    with av.open(str(result.path)) as container:
        assert '"Label":"1"' in container.metadata["AIGC"]


def test_a_job_goes_on_only_with_the_same_marks(
    swapper: FaceSwapper, me: Identity, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facesdk.errors import MediaError
    from facesdk.pipelines import video_job

    def broken(*_: object, **__: object) -> float:
        raise MediaError("stop here")

    with monkeypatch.context() as patch, pytest.raises(MediaError, match="stop here"):
        patch.setattr(video_job, "join_pieces", broken)
        swapper.swap_video(film, me).save(tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="another command: marks differs"):
        swapper.swap_video(film, me).save(tmp_path / "out.mp4", label=True)
