"""The only door out for generated pixels: nothing that a network made is written without its marks."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facesdk.errors import MediaError, ProvenanceError
from facesdk.media.sink import EXTENSIONS, check_writable, encode_image, write_atomic
from facesdk.media.storage import Storage
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.c2pa_module import EXTRA, has_c2pa
from facesdk.provenance.credentials import FILM_TYPES, sign_film, sign_picture
from facesdk.provenance.film import add_film_xmp, read_film_label
from facesdk.provenance.label import SOURCE_TYPES, Kind, aigc_element, read_label, xmp_packet
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.profiles import PROFILES, Profile, find_profile
from facesdk.provenance.visible_label import draw_label
from facesdk.provenance.watermark import PixelMarker, can_carry
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.types import RgbImage

NAMES = {"xmp": "XMP", "tag": "tag", "pixel": "pixel mark", "c2pa": "C2PA", "visible": "visible label"}
"""What the marks are called in reports."""
_log = logging.getLogger("facesdk.provenance")


@dataclass(frozen=True, eq=False)
class MarkedImage:
    """A generated picture with the marks that its file will carry.

    Attributes:
        image: (H, W, 3) uint8 RGB, as the network made it: the pixel mark and the visible label are put into the file's
            pixels only.
        kind: "swap" or "generate".
        xmp: the label, an XMP packet.
        marks: what marks the file: of "xmp", "pixel", "c2pa", "visible".
        work: how it was made.
        payload: what the pixel mark says, or None for a picture that is too small for it.
        text: of the visible label, or "".
    """

    image: RgbImage
    kind: Kind
    xmp: bytes
    marks: tuple[str, ...]
    work: Work = field(default=UNKNOWN, repr=False)
    payload: MarkPayload | None = None
    text: str = ""

    def encode(self, format: str, quality: int = 95) -> bytes:
        """The picture as a file's bytes, marks included.

        Args:
            format: "JPEG", "PNG", "WEBP" or "TIFF".
            quality: of JPEG and WebP, 1 to 100.

        Raises:
            ProvenanceError: the format cannot hold the label, or a mark cannot be read back.
            MediaError: the format cannot hold the picture.
        """
        if format not in EXTENSIONS.values():
            known = ", ".join(sorted(set(EXTENSIONS.values())))
            raise ProvenanceError(f"{format} files cannot carry the label. Not written.", f"Use {known}.")
        pixels = draw_label(self.image, self.text) if self.text else self.image
        if self.payload is not None:
            pixels = PixelMarker(self.payload).mark(pixels)
        data = encode_image(pixels, format, self.xmp, quality)
        if "c2pa" in self.marks:
            number = self.payload.text if self.payload else ""
            data = sign_picture(data, format, self.kind, number, self.work)
        if read_label(data) != SOURCE_TYPES[self.kind]:
            raise ProvenanceError(f"the label cannot be read back from the {format} file. Not written.", "Try PNG.")
        return data

    def save(self, path: str | os.PathLike[str], quality: int = 95, *, raw: bool = False) -> Path:
        """Writes the picture with its marks, whole or not at all, and a line about it into the audit log.

        Args:
            path: the extension chooses the format.
            quality: of JPEG and WebP, 1 to 100.
            raw: write it without any mark, for measurements. Nothing is written then if the audit log cannot say so.

        Returns:
            The path.

        Raises:
            ProvenanceError: the format cannot hold the label, or the audit log cannot be written.
            MediaError: it cannot be written.
        """
        target = Path(path)
        format = label_format(target)
        check_writable(target)
        data = encode_image(self.image, format, None, quality) if raw else self.encode(format, quality)
        self.log(data, raw)
        write_atomic(target, data)
        return target

    def log(self, data: bytes, raw: bool = False) -> None:
        """Writes a line about a file into the audit log, before the file has its name.

        Args:
            data: the file's bytes.
            raw: whether it has no marks.

        Raises:
            ProvenanceError: raw, and the log cannot be written.
        """
        number = self.payload.text if self.payload and not raw else ""
        marks = () if raw else self.marks
        _append_log(self.kind, marks, number, self.work, hashlib.sha256(data).hexdigest(), raw)


def label_format(path: Path) -> str:
    """The format that a path's extension asks for, if it can carry the label.

    Raises:
        ProvenanceError: it cannot.
    """
    found = EXTENSIONS.get(path.suffix.lower())
    if found is None:
        raise ProvenanceError(
            f"{path.name}: {path.suffix or 'such'} files cannot carry the label of generated pictures. Not written.",
            f"Use {', '.join(EXTENSIONS)}.",
        )
    return found


def mark(
    image: RgbImage, kind: Kind, work: Work = UNKNOWN, *, profile: str = "default", label: bool = False
) -> MarkedImage:
    """Marks generated pixels; the array stays as it is, the marks go into what is written.

    Args:
        image: (H, W, 3) uint8 RGB.
        kind: "swap" = a photograph with generated parts; "generate" = generated as a whole.
        work: how it was made.
        profile: a name in `profiles.PROFILES`.
        label: draw a visible label, whatever the profile says.

    Raises:
        ProvenanceError: another kind, no such profile, or a layer that the profile requires cannot be written here.
        MediaError: no picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise MediaError(f"a picture is (H, W, 3) uint8; got {image.shape} {image.dtype}. Not marked.")
    chosen = find_profile(profile)
    xmp_packet(kind)
    payload = MarkPayload.of(kind, "still", image) if can_carry((image.shape[0], image.shape[1])) else None
    text = chosen.text(kind) if label or chosen.visible else ""
    layers = {"xmp": True, "pixel": payload is not None, "c2pa": has_c2pa(), "visible": bool(text)}
    marks = tuple(name for name, there in layers.items() if there)
    _require_layers(marks, chosen, profile, "pictures of this size")
    packet = xmp_packet(kind, _aigc(chosen, payload))
    return MarkedImage(image, kind, packet, marks, work, payload, text)


def write(path: str | os.PathLike[str], image: RgbImage, kind: Kind, quality: int = 95, work: Work = UNKNOWN) -> Path:
    """Marks a picture and writes it: `mark(image, kind, work).save(path, quality)`."""
    return mark(image, kind, work).save(path, quality)


def publish_film(
    temporary: Path,
    path: str | os.PathLike[str],
    kind: Kind,
    storage: Storage | None = None,
    *,
    work: Work = UNKNOWN,
    payload: MarkPayload | None = None,
    profile: str = "default",
    visible: bool = False,
    untouched: bool = False,
) -> tuple[str, ...]:
    """Marks a finished film and gives it its name; until then it is no output.

    Args:
        temporary: the film under another name, on the same file system; its tags are from `film.film_tags`.
        path: the name; what is there is replaced.
        kind: "swap" or "generate".
        storage: where files are made.
        work: how it was made.
        payload: what the pixel mark in its frames says, or None if they have none.
        profile: a name in `profiles.PROFILES`.
        visible: whether its frames show a visible label.
        untouched: whether no network changed a frame, so that there is nothing to carry the pixel mark.

    Returns:
        What marks it, such as ("xmp", "tag", "pixel", "c2pa").

    Raises:
        ProvenanceError: a mark cannot be read back, or one that the profile requires is missing; the film gets no name.
        MediaError: it cannot be written.
    """
    target, files = Path(path), storage or Storage()
    chosen = find_profile(profile)
    add_film_xmp(temporary, kind, _aigc(chosen, payload))
    signs = has_c2pa() and temporary.suffix.lower() in FILM_TYPES
    finished = temporary.with_name(f"signed{temporary.suffix}") if signs else temporary
    number = payload.text if payload else ""
    try:
        if signs:
            with files.create(finished) as out:
                sign_film(temporary, out, kind, number, work)
        found = read_film_label(finished)
        if found is None or found[0] != SOURCE_TYPES[kind]:
            raise ProvenanceError(f"the label cannot be read back from {target.name}. Not written.", "Try .mkv.")
        layers = {
            "xmp": found[1] == "XMP",
            "tag": True,
            "pixel": payload is not None,
            "c2pa": signs,
            "visible": visible,
        }
        marks = tuple(name for name, there in layers.items() if there)
        present = ("xmp", *marks, *(("pixel",) if untouched else ()))
        _require_layers(present, chosen, profile, f"{target.suffix} files")
        with open(finished, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        _append_log(kind, marks, number, work, digest, False)
        files.publish(finished, target)
    except OSError as error:
        raise MediaError(f"{target} cannot be written: {error.strerror}.", "Check the folder and its space.") from error
    finally:
        if finished != temporary:
            finished.unlink(missing_ok=True)
    temporary.unlink(missing_ok=True)
    return marks


def check_film_marks(path: Path, size_hw: tuple[int, int], profile: str) -> None:
    """Checks, before any work, that a film can carry what a profile requires.

    Args:
        path: the film to be.
        size_hw: of its frames.
        profile: a name in `profiles.PROFILES`.

    Raises:
        ProvenanceError: it cannot, or there is no such profile.
    """
    layers = {"xmp": True, "pixel": can_carry(size_hw), "c2pa": has_c2pa() and path.suffix.lower() in FILM_TYPES}
    marks = [name for name, there in layers.items() if there]
    _require_layers(marks, find_profile(profile), profile, f"{path.suffix} files of {size_hw[1]}x{size_hw[0]}")


def marks_text(marks: Sequence[str]) -> str:
    """As "XMP, pixel mark (C2PA: install facesdk[c2pa])"."""
    text = ", ".join(NAMES[name] for name in marks)
    if "c2pa" in marks:
        return text
    return f"{text} (C2PA: {'this format cannot hold it' if has_c2pa() else EXTRA})"


def _aigc(profile: Profile, payload: MarkPayload | None) -> str:
    return aigc_element(payload.text if payload else "") if profile.implicit_json else ""


def _require_layers(marks: Sequence[str], chosen: Profile, name: str, what: str) -> None:
    missing = [NAMES[layer] for layer in chosen.required if layer not in marks]
    if missing:
        raise ProvenanceError(
            f"profile {name} requires {', '.join(missing)}, which {what} cannot carry. Not written.",
            f"Choose another format or a larger picture, or another profile: {', '.join(PROFILES)}.",
        )


def _append_log(kind: Kind, marks: Sequence[str], number: str, work: Work, digest: str, raw: bool) -> None:
    facts = {"kind": kind, "raw": raw, "marks": list(marks), "number": number, "output_sha256": digest}
    try:
        AuditLog().append({**facts, **work.people()})
    except ProvenanceError as error:
        # A file without marks and without a line in the log would be one that nobody answers for.
        if raw:
            raise
        _log.warning("%s The file is marked and written all the same.", error)
