"""The label of films: written, read back, and the only way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.errors import MediaError, ProvenanceError
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.film import XMP_UUID, add_film_xmp, film_tags, read_film_label
from facesdk.provenance.label import SOURCE_TYPES
from facesdk.provenance.mark import publish_film
from tests.facesdk.clips import Clip, pictures, write_clip


@pytest.mark.parametrize("extension", ["mp4", "mov"])
@pytest.mark.parametrize("kind", ["swap", "generate"])
def test_the_packet_is_read_back_and_the_film_still_plays(tmp_path: Path, extension: str, kind: str):
    path = write_clip(tmp_path / f"a.{extension}", Clip(count=3))
    assert read_film_label(path) is None
    before = [frame.tobytes() for frame in pictures(path)]
    marks = publish_film(path, tmp_path / f"b.{extension}", kind)  # type: ignore[arg-type]
    assert marks == ("xmp", "tag", *(("c2pa",) if has_c2pa() else ())) and not path.exists()
    assert read_film_label(tmp_path / f"b.{extension}") == (SOURCE_TYPES[kind], "XMP")
    assert [frame.tobytes() for frame in pictures(tmp_path / f"b.{extension}")] == before


def test_a_film_that_cannot_carry_the_label_gets_no_name(tmp_path: Path):
    path = write_clip(tmp_path / "a.avi", Clip(count=2, time_base=Clip().rate ** -1))
    with pytest.raises(ProvenanceError, match="cannot be read back"):
        publish_film(path, tmp_path / "b.avi", "swap")
    assert not (tmp_path / "b.avi").exists()
    with pytest.raises(ProvenanceError, match="kind='edit'"):
        film_tags("edit")  # type: ignore[arg-type]


def test_boxes_that_lie_about_their_size_are_no_trap(tmp_path: Path):
    path = write_clip(tmp_path / "a.mp4", Clip(count=2))
    whole = path.read_bytes()
    for tail in (
        b"\0\0\0\4uuid",
        b"\xff\xff\xff\xffuuid" + XMP_UUID,
        b"\0\0\0\x18uuid" + XMP_UUID,
        b"\0\0\0\1uuid" + bytes(8),
    ):
        path.write_bytes(whole + tail)
        assert read_film_label(path) is None
    path.write_bytes(whole)
    add_film_xmp(path, "swap")
    assert read_film_label(path) is not None


def test_what_is_no_film_is_one_error(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    with pytest.raises(MediaError):
        read_film_label(tmp_path / "a.mp4")
    with pytest.raises(MediaError):
        read_film_label(tmp_path / "none.mp4")
