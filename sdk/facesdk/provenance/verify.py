"""What the marks of a file say, what each of them proves, and what none of them proves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from facesdk.errors import MediaError
from facesdk.media.image import load_image
from facesdk.media.sink import EXTENSIONS
from facesdk.media.video_info import first_video, open_container
from facesdk.media.video_planes import FORMATS, plane_arrays
from facesdk.media.video_sniff import VIDEO_EXTENSIONS, is_video_file
from facesdk.provenance.c2pa_module import EXTRA, has_c2pa
from facesdk.provenance.credentials import Credentials, read_credentials
from facesdk.provenance.film import read_film_label
from facesdk.provenance.label import SOURCE_TYPES, read_label
from facesdk.provenance.watermark_reader import FoundMark, read_frames, read_mark
from facesdk.types import U8

Status = Literal["found", "absent", "broken", "unchecked"]
MEANINGS = {
    SOURCE_TYPES["swap"]: "a trained algorithm changed parts of it",
    SOURCE_TYPES["generate"]: "a trained algorithm made it",
}
FRAMES = 24
"""Frames of a film whose pixel marks are added up."""
_KIND_MEANINGS = {"swap": MEANINGS[SOURCE_TYPES["swap"]], "generate": MEANINGS[SOURCE_TYPES["generate"]]}


@dataclass(frozen=True)
class LayerReport:
    """One kind of mark in one file.

    Attributes:
        layer: "xmp", "pixel" or "c2pa".
        status: found, absent, broken (it is there and does not hold), or unchecked.
        says: what was read.
        proves: what follows from that, and what does not.
        generated: whether it says that a trained algorithm made or changed the file.
    """

    layer: str
    status: Status
    says: str
    proves: str
    generated: bool = False


@dataclass(frozen=True)
class FileReport:
    """All marks of one file.

    Attributes:
        file: its path.
        layers: one entry a kind of mark.
        meaning: in a sentence.
    """

    file: str
    layers: tuple[LayerReport, ...]
    meaning: str

    @property
    def generated(self) -> bool:
        """Whether a mark says that a trained algorithm made or changed it."""
        return any(layer.generated for layer in self.layers)

    @property
    def broken(self) -> bool:
        """Whether a mark is there and does not hold."""
        return any(layer.status == "broken" for layer in self.layers)

    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "generated": self.generated, "broken": self.broken}


def media_files(path: Path) -> list[Path]:
    """The file, or all pictures and films of a folder and the folders in it.

    Raises:
        MediaError: a folder holds none.
    """
    if not path.is_dir():
        return [path]
    wanted = {*EXTENSIONS, *VIDEO_EXTENSIONS, ".gif", ".bmp", ".avif"}
    found = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in wanted)
    if not found:
        raise MediaError(f"{path} holds no picture and no film.", "Check the path.")
    return found


def examine(path: Path, thorough: bool = True) -> FileReport:
    """Reads every mark of a file.

    Args:
        path: a picture or a film.
        thorough: look for the pixel mark at other sizes than its own, too.

    Raises:
        MediaError: it is neither, or damaged.
    """
    is_film = is_video_file(path)
    label, where = (read_film_label(path) or (None, "XMP")) if is_film else (read_label(path), "XMP")
    pixel = read_frames(list(_planes(path)), thorough) if is_film else read_mark(load_image(path), thorough)
    layers = (_label_layer(label, where), _pixel_layer(pixel), _c2pa_layer(path))
    said = [layer.says for layer in layers if layer.generated]
    meaning = (
        said[0].split(";")[0]
        if said
        else "no mark of generated content was found. That does not prove that it is genuine."
    )
    return FileReport(str(path), layers, meaning)


def exit_code(reports: Sequence[FileReport], unreadable: int = 0) -> int:
    """5: a mark does not hold; 3: a file cannot be read; 1: a file has no mark of generated content; 0: all have."""
    if any(report.broken for report in reports):
        return 5
    if unreadable:
        return 3
    return 0 if all(report.generated for report in reports) else 1


def _label_layer(label: str | None, where: str) -> LayerReport:
    if label is None:
        return LayerReport("xmp", "absent", "", "Nothing: most programs drop it when they save a file anew.")
    meaning = MEANINGS.get(label, "another kind of source")
    field = "XMP Iptc4xmpExt:DigitalSourceType" if where == "XMP" else "tag DIGITAL_SOURCE_TYPE"
    proves = "That a program wrote this. It is not signed: anybody can add, change or remove it."
    return LayerReport("xmp", "found", f"{meaning}; {field} = {label}", proves, label in MEANINGS)


def _pixel_layer(mark: FoundMark | None) -> LayerReport:
    if mark is None:
        proves = "Nothing: it is lost in small pictures, strong compression and odd turns, and can be removed."
        return LayerReport("pixel", "absent", "", proves)
    payload = mark.payload
    how = [f"number {payload.text}", payload.medium, f"z {mark.z:.1f}"]
    how += [f"resized to {100 * mark.scale:.1f} %"] if mark.scale != 1.0 else []
    how += ["turned or mirrored"] if mark.turn else []
    proves = (
        "That these pixels, or most of them, came out of facesdk. The pattern is public: it can be forged, and removed."
    )
    return LayerReport("pixel", "found", f"{_KIND_MEANINGS[payload.kind]}; {', '.join(how)}", proves, True)


def _c2pa_layer(path: Path) -> LayerReport:
    if not has_c2pa():
        return LayerReport("c2pa", "unchecked", "", f"Not looked for: {EXTRA}.")
    found = read_credentials(path)
    if found is None:
        return LayerReport("c2pa", "absent", "", "Nothing: many programs and sites drop it.")
    known = [kind for kind in found.source_types if kind in MEANINGS]
    meaning = MEANINGS[known[-1]] if known else "no generated content is claimed"
    if found.state == "Invalid":
        why = ", ".join(found.faults) or "unreadable"
        proves = "That the file was changed after it was signed, or that the manifest is damaged."
        return LayerReport("c2pa", "broken", f"the manifest does not hold ({why})", proves)
    return LayerReport("c2pa", "found", f"{meaning}; {_signature(found)}", _proof(found), bool(known))


def _signature(found: Credentials) -> str:
    inputs = found.manifests - 1
    parts = [f"written by {found.generator or 'an unnamed program'}", f"signed by {found.signer or 'unnamed'}"]
    parts += [f"at {found.signed}"] if found.signed else []
    parts += [f"keeps {inputs} manifest{'s' * (inputs != 1)} of its input"] if inputs > 0 else []
    return ", ".join(parts)


def _proof(found: Credentials) -> str:
    if found.state == "Trusted":
        return (
            "That this installation signed the file, and that not a bit was changed since. The time is its own clock's."
        )
    return (
        "That nothing was changed since it was signed. Who signed it is not known here: the name in it proves nothing."
    )


def _planes(path: Path) -> Iterator[U8]:
    """Brightness of the first frames of a film, as they are stored."""
    with open_container(path) as container:
        stream = first_video(container, path)
        count = 0
        shape: tuple[int, ...] | None = None
        for frame in container.decode(stream):
            name = frame.format.name
            if name not in FORMATS:
                frame = frame.reformat(format="yuv420p", threads=1)
            plane = plane_arrays(frame)[0]
            shape = shape or plane.shape
            if plane.shape != shape:
                continue
            yield (plane >> 2).astype("uint8") if plane.dtype != "uint8" else plane.copy()
            count += 1
            if count >= FRAMES:
                return
