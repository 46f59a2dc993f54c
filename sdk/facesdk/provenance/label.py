"""The machine-readable label "made or changed by a trained algorithm", as an XMP packet."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from PIL import Image

from facesdk.errors import ProvenanceError
from facesdk.media.image import open_header, read_file
from facesdk.media.sink import XMP_PNG_KEY, XMP_TIFF_TAG

Kind = Literal["swap", "generate"]

# Source: cv.iptc.org/newscodes/digitalsourcetype
_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: dict[str, str] = {
    "swap": _TERMS + "compositeWithTrainedAlgorithmicMedia",
    "generate": _TERMS + "trainedAlgorithmicMedia",
}

_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_AIGC = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FIELD = f"{{{_IPTC}}}DigitalSourceType"
_MAX_PACKET_BYTES = 1 << 20


def xmp_packet(kind: Kind, aigc: str = "") -> bytes:
    """The XMP packet for a kind of output.

    Args:
        kind: "swap" = a photograph with generated parts; "generate" = generated as a whole.
        aigc: China's AIGC element as JSON, or "".

    Raises:
        ProvenanceError: another kind.

    Source: XMP Specification Part 1, section 7 (packet), IPTC Photo Metadata Standard 2023.1 (DigitalSourceType); for
        the AIGC element GB 45438-2025, annex E, and the guide TC260-PG-20257A.
    """
    if kind not in SOURCE_TYPES:
        raise ProvenanceError(f"kind={kind!r}: {' or '.join(map(repr, SOURCE_TYPES))} expected. Not marked.")
    element = f' xmlns:TC260="{_AIGC}" TC260:AIGC={quoteattr(aigc)}' if aigc else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPES[kind]}" xmp:CreatorTool="facesdk"{element}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def read_label(source: str | os.PathLike[str] | bytes) -> str | None:
    """The DigitalSourceType that a picture file carries.

    Args:
        source: a path or a file's bytes.

    Returns:
        The term's address, or None if the file has no such label.

    Raises:
        MediaError: it is no picture.
    """
    if isinstance(source, bytes):
        data, name = source, "the bytes given"
    else:
        data, name = read_file(Path(source)), Path(source).name
    with open_header(data, name) as picture:
        packet = _packet_of(picture)
    return packet_source_type(packet) if packet else None


def _packet_of(picture: Image.Image) -> bytes | None:
    if picture.format == "PNG":
        # Other programs put the text behind the pixels, where only decoding gets to it.
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            picture.load()
    found = picture.info.get("xmp") or picture.info.get(XMP_PNG_KEY)
    if found is None and picture.format == "TIFF":
        found = getattr(picture, "tag_v2", {}).get(XMP_TIFF_TAG)
    if isinstance(found, str):
        return found.encode()
    return found if isinstance(found, bytes) else None


def packet_source_type(packet: bytes) -> str | None:
    """The DigitalSourceType in an XMP packet, or None."""
    # No declaration of entities can be in an XMP packet that a program wrote in good faith.
    if len(packet) > _MAX_PACKET_BYTES or b"<!" in packet:
        return None
    try:
        root = ElementTree.parse(io.BytesIO(packet.strip(b"\0"))).getroot()
    except ElementTree.ParseError:
        return None
    for element in root.iter():
        if _FIELD in element.attrib:
            return element.attrib[_FIELD]
        if element.tag == _FIELD:
            return element.attrib.get(f"{{{_RDF}}}resource") or (element.text or "").strip() or None
    return None


def aigc_element(number: str) -> str:
    """China's AIGC element: that this is made by AI, with what, and the number of the piece.

    Source: GB 45438-2025, annex E.
    """
    names = ("ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
    element = {"Label": "1", "ContentProducer": "facesdk", "ProduceID": number, **dict.fromkeys(names, "")}
    return json.dumps(element, separators=(",", ":"))
