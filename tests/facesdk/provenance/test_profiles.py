"""Profiles and the visible label: what each place asks for is there, or nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.errors import InputError, ProvenanceError
from facesdk.provenance import mark as module
from facesdk.provenance import profiles
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.label import read_label
from facesdk.provenance.mark import mark, marks_text
from facesdk.provenance.profiles import PROFILES, find_profile
from facesdk.provenance.verify import examine, exit_code, media_files
from facesdk.provenance.visible_label import GLYPHS, draw_label, label_box

GREY = np.full((200, 300, 3), 120, np.uint8)
GREY += np.random.default_rng(0).integers(0, 12, GREY.shape, np.uint8)


@pytest.mark.parametrize("size_hw", [(200, 300), (720, 1280), (1280, 720), (40, 60), (5, 9)])
@pytest.mark.parametrize("text", ["AI", "AI合成", "AI生成"])
def test_the_label_is_large_enough_and_nowhere_else(size_hw: tuple[int, int], text: str) -> None:
    image = np.full((*size_hw, 3), 128, np.uint8)
    out = draw_label(image, text)
    x0, y0, x1, y1 = label_box(size_hw, text)
    changed = (out != image).any(-1)
    inside = np.zeros(size_hw, bool)
    inside[y0:y1, x0:x1] = True
    assert not changed[~inside].any() and changed[inside].mean() > 0.98 and (image == 128).all()
    if min(size_hw) >= 200:
        ink = np.nonzero((out[y0:y1, x0:x1] > 200).any(-1).any(1))[0]
        assert np.ptp(ink) + 1 >= 0.05 * min(size_hw)


def test_glyphs_are_told_apart() -> None:
    drawn = [draw_label(np.zeros((300, 300, 3), np.uint8), glyph)[:60, :60].tobytes() for glyph in GLYPHS]
    assert len(set(drawn)) == len(GLYPHS)
    with pytest.raises(InputError, match="letters of AI"):
        draw_label(GREY, "Made")


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_profile_asks_for_is_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = PROFILES[name]
    assert profile.source
    if "c2pa" in profile.required and not has_c2pa():
        with pytest.raises(ProvenanceError, match="requires a C2PA manifest"):
            find_profile(name)
        return
    marked = mark(GREY, "swap", profile=name)
    assert set(profile.required) <= set(marked.marks) and ("visible" in marked.marks) == profile.visible
    path = marked.save(tmp_path / "a.png")
    found = {layer.layer for layer in examine(path).layers if layer.status == "found"}
    assert set(profile.required) <= found
    assert (b"TC260:AIGC" in path.read_bytes()) == profile.implicit_json
    assert (np.abs(np.asarray(Image.open(path)).astype(int) - GREY)[:40, :60].max() > 60) == profile.visible


def test_chinas_element_is_json() -> None:
    packet = mark(GREY, "generate", profile="cn").xmp
    from xml.etree import ElementTree

    root = ElementTree.fromstring(packet.split(b"?>", 1)[1].rsplit(b"<?", 1)[0])
    (text,) = [e.attrib[key] for e in root.iter() for key in e.attrib if key.endswith("}AIGC")]
    element = json.loads(text)
    assert element["Label"] == "1" and len(element["ProduceID"]) == 8 and len(element) == 7
    assert read_label(mark(GREY, "generate", profile="cn").encode("JPEG")) is not None


def test_what_cannot_be_marked_as_asked_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProvenanceError, match="profile 'mars' is not known"):
        mark(GREY, "swap", profile="mars")
    monkeypatch.setattr(profiles, "has_c2pa", lambda: True)
    with pytest.raises(ProvenanceError, match="profile eu requires pixel mark, which pictures of this size cannot"):
        mark(GREY[:100, :100], "swap", profile="eu")
    monkeypatch.setattr(profiles, "has_c2pa", lambda: False)
    with pytest.raises(ProvenanceError, match=r"C2PA manifest(.|\n)*facesdk\[c2pa\]"):
        mark(GREY, "swap", profile="eu")


def test_without_the_extra_the_other_two_are_written_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_c2pa", lambda: False)
    marked = mark(GREY, "swap")
    assert marks_text(marked.marks) == "XMP, pixel mark (C2PA: install facesdk[c2pa])"
    report = examine(marked.save(tmp_path / "a.jpg"))
    assert [layer.status for layer in report.layers][:2] == ["found", "found"] and exit_code([report]) == 0
    monkeypatch.setattr(module, "has_c2pa", lambda: True)
    assert marks_text(("tag", "pixel")) == "tag, pixel mark (C2PA: this format cannot hold it)"
    assert marks_text(("xmp", "c2pa", "visible")) == "XMP, C2PA, visible label"


def test_raw_is_without_marks_and_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    mark(GREY, "swap").save(tmp_path / "a.png")
    path = mark(GREY, "swap").save(tmp_path / "raw.png", raw=True)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), GREY)
    assert exit_code([examine(path, thorough=False)]) == 1
    log = AuditLog().verify()
    assert (log.entries, log.raw, log.ok) == (2, 1, True)
    # Where the log cannot say so, nothing without marks is written; what is marked is.
    monkeypatch.setenv("FACESDK_HOME", str(path))
    with pytest.raises(ProvenanceError, match="audit log"):
        mark(GREY, "swap").save(tmp_path / "no.png", raw=True)
    assert not (tmp_path / "no.png").exists()
    monkeypatch.setattr(module, "has_c2pa", lambda: False)
    assert mark(GREY, "swap").save(tmp_path / "yes.png").exists()


def test_the_log_has_hashes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facesdk.provenance.work import Work

    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    mark(GREY, "swap", Work(None, ("0123abcd",), ("given",))).save(tmp_path / "name of a friend.png")
    (line,) = AuditLog().path.read_text().splitlines()
    assert "friend" not in line and "0123abcd" not in line and str(tmp_path) not in line
    entry = json.loads(line)
    assert set(entry) == {
        "entry", "time", "kind", "raw", "marks", "number", "identities", "consents", "output_sha256", "previous",
        "hash",
    }  # fmt: skip
    assert entry["consents"] == ["given"] and len(entry["identities"][0]) == 64


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    mark(GREY, "swap").save(tmp_path / "deep" / "a.png")
    Image.fromarray(GREY).save(tmp_path / "b.jpg")
    (tmp_path / "notes.txt").write_text("x")
    files = media_files(tmp_path)
    assert [file.name for file in files] == ["b.jpg", "a.png"]
    reports = [examine(file, thorough=False) for file in files]
    assert [report.generated for report in reports] == [False, True] and exit_code(reports) == 1
    assert exit_code(reports[1:]) == 0 and exit_code(reports[1:], unreadable=1) == 3
