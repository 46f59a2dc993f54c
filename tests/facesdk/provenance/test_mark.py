"""Nothing generated is written without its label, and the label can be read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from facesdk.errors import MediaError, ProvenanceError
from facesdk.media.image import load_image
from facesdk.media.sink import encode_image, save_image
from facesdk.provenance import mark as module
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.label import SOURCE_TYPES, read_label, xmp_packet
from facesdk.provenance.mark import mark, write

_Y, _X = np.mgrid[0:24, 0:32]
IMAGE = np.stack([_X * 8, _Y * 10, 255 - _X * 4], -1).astype(np.uint8)
TERM = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize(
    ("kind", "term"), [("swap", "compositeWithTrainedAlgorithmicMedia"), ("generate", "trainedAlgorithmicMedia")]
)
def test_label_round_trip(tmp_path: Path, extension: str, kind: str, term: str) -> None:
    path = write(tmp_path / f"out{extension}", IMAGE, kind)  # type: ignore[arg-type]
    assert read_label(path) == read_label(path.read_bytes()) == TERM + term
    loaded = load_image(path)
    assert np.abs(loaded.astype(int) - IMAGE).mean() < (1e-9 if extension in (".png", ".tif") else 3)
    # The bytes themselves hold the term, for readers that know nothing of facesdk.
    assert (TERM + term).encode() in path.read_bytes()


def test_a_picture_without_label(tmp_path: Path) -> None:
    save_image(tmp_path / "plain.jpg", IMAGE, metadata=None)
    assert read_label(tmp_path / "plain.jpg") is None


def packet(inner: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:o="http://example.org/">'
        f"<rdf:Description>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize(
    ("inner", "label"),
    [
        (f'<e:DigitalSourceType rdf:resource="{TERM}algorithmicMedia"/>', TERM + "algorithmicMedia"),
        (f"<e:DigitalSourceType> {TERM}digitalCapture </e:DigitalSourceType>", TERM + "digitalCapture"),
        (f"<o:DigitalSourceType>{TERM}digitalCapture</o:DigitalSourceType>", None),
        ("<e:DigitalSourceType/>", None),
        ("", None),
    ],
)
def test_other_programs_spellings(inner: str, label: str | None) -> None:
    assert read_label(encode_image(IMAGE, "JPEG", packet(inner))) == label


def test_a_hostile_packet_is_no_label() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + xmp_packet("swap")
    for xmp in (entities, b"<x:xmpmeta", xmp_packet("swap") + b" " * (1 << 20)):
        assert read_label(encode_image(IMAGE, "PNG", xmp)) is None


def test_a_label_behind_the_pixels_is_found(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet("swap").decode())
    Image.fromarray(IMAGE).save(tmp_path / "a.png", pnginfo=info)
    data = (tmp_path / "a.png").read_bytes()
    start = data.index(b"iTXt") - 4
    stop = start + 12 + int.from_bytes(data[start : start + 4], "big")
    end = data.index(b"IEND") - 4
    assert read_label(data[:start] + data[stop:end] + data[start:stop] + data[end:]) == SOURCE_TYPES["swap"]


def test_a_format_that_cannot_carry_it_is_refused_before_writing(tmp_path: Path) -> None:
    for name in ("a.bmp", "a.gif", "a"):
        with pytest.raises(ProvenanceError, match=r"cannot carry the label(.|\n)*Use .jpg"):
            write(tmp_path / name, IMAGE, "swap")
    with pytest.raises(ProvenanceError, match="BMP files cannot carry"):
        mark(IMAGE, "swap").encode("BMP")
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_was_lost_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An encoder that drops the packet, as one without XMP support would.
    monkeypatch.setattr(module, "encode_image", lambda image, format, xmp, quality: encode_image(image, format, None))
    with pytest.raises(ProvenanceError, match="cannot be read back") as info:
        write(tmp_path / "a.jpg", IMAGE, "swap")
    assert info.value.exit_code == 5 and list(tmp_path.iterdir()) == []


def test_marks_and_pixels() -> None:
    marked = mark(IMAGE, "swap")
    assert marked.marks == ("xmp", *(("c2pa",) if has_c2pa() else ())) and marked.image is IMAGE
    with pytest.raises(ProvenanceError, match="kind='edit'"):
        mark(IMAGE, "edit")  # type: ignore[arg-type]
    with pytest.raises(MediaError, match="float32"):
        mark(IMAGE.astype(np.float32), "swap")  # type: ignore[arg-type]


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no folder"):
        write(tmp_path / "none" / "a.jpg", IMAGE, "swap")
