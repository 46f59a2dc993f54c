"""The only door out for generated pixels: nothing that a network made is written without its label."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesdk.errors import MediaError, ProvenanceError
from facesdk.media.sink import EXTENSIONS, check_writable, encode_image, write_atomic
from facesdk.media.storage import Storage
from facesdk.provenance.film import add_film_xmp, read_film_label
from facesdk.provenance.label import SOURCE_TYPES, Kind, read_label, xmp_packet
from facesdk.types import RgbImage


@dataclass(frozen=True, eq=False)
class MarkedImage:
    """A generated picture with the label that it will carry.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        kind: "swap" or "generate".
        xmp: the label, an XMP packet.
        marks: what marks it, such as ("xmp",).
    """

    image: RgbImage
    kind: Kind
    xmp: bytes
    marks: tuple[str, ...]

    def encode(self, format: str, quality: int = 95) -> bytes:
        """The picture as a file's bytes, label included.

        Args:
            format: "JPEG", "PNG", "WEBP" or "TIFF".
            quality: of JPEG and WebP, 1 to 100.

        Raises:
            ProvenanceError: the format cannot hold the label, or the label cannot be read back.
            MediaError: the format cannot hold the picture.
        """
        if format not in EXTENSIONS.values():
            known = ", ".join(sorted(set(EXTENSIONS.values())))
            raise ProvenanceError(f"{format} files cannot carry the label. Not written.", f"Use {known}.")
        data = encode_image(self.image, format, self.xmp, quality)
        if read_label(data) != SOURCE_TYPES[self.kind]:
            raise ProvenanceError(f"the label cannot be read back from the {format} file. Not written.", "Try PNG.")
        return data

    def save(self, path: str | os.PathLike[str], quality: int = 95) -> Path:
        """Writes the picture with its label, whole or not at all.

        Args:
            path: the extension chooses the format.
            quality: of JPEG and WebP, 1 to 100.

        Returns:
            The path.

        Raises:
            ProvenanceError: the format cannot hold the label.
            MediaError: it cannot be written.
        """
        target = Path(path)
        format = label_format(target)
        check_writable(target)
        write_atomic(target, self.encode(format, quality))
        return target


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


def mark(image: RgbImage, kind: Kind) -> MarkedImage:
    """Marks generated pixels; the pixels stay as they are.

    Args:
        image: (H, W, 3) uint8 RGB.
        kind: "swap" = a photograph with generated parts; "generate" = generated as a whole.

    Raises:
        ProvenanceError: another kind.
        MediaError: no picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise MediaError(f"a picture is (H, W, 3) uint8; got {image.shape} {image.dtype}. Not marked.")
    return MarkedImage(image, kind, xmp_packet(kind), ("xmp",))


def write(path: str | os.PathLike[str], image: RgbImage, kind: Kind, quality: int = 95) -> Path:
    """Marks a picture and writes it: `mark(image, kind).save(path, quality)`."""
    return mark(image, kind).save(path, quality)


def publish_film(
    temporary: Path, path: str | os.PathLike[str], kind: Kind, storage: Storage | None = None
) -> tuple[str, ...]:
    """Marks a finished film and gives it its name; until then it is no output.

    Args:
        temporary: the film under another name, on the same file system; its tags are from `film.film_tags`.
        path: the name; what is there is replaced.
        kind: "swap" or "generate".
        storage: where files are made.

    Returns:
        What marks it, such as ("xmp", "tag").

    Raises:
        ProvenanceError: the label cannot be read back; the film gets no name.
        MediaError: it cannot be written.
    """
    target = Path(path)
    add_film_xmp(temporary, kind)
    found = read_film_label(temporary)
    if found is None or found[0] != SOURCE_TYPES[kind]:
        raise ProvenanceError(f"the label cannot be read back from {target.name}. Not written.", "Try .mkv.")
    try:
        (storage or Storage()).publish(temporary, target)
    except OSError as error:
        raise MediaError(f"{target} cannot be written: {error.strerror}.", "Check the folder and its space.") from error
    return ("xmp", "tag") if found[1] == "XMP" else ("tag",)
