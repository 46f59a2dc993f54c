"""Whose face: the only thing that a swap takes as a source."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from facesdk.consent import HOW, Consent
from facesdk.enrolment import CROP_SIZE, enrol, recogniser_digest
from facesdk.errors import ConsentError, InputError, MediaError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.media.image import Color, ImageSource
from facesdk.media.sink import write_atomic
from facesdk.pack import Pack
from facesdk.types import F32, U8, MadePicture

FORMAT = "facesdk.identity/1"
EXTENSION = ".identity"
MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Identity:
    """A face that may be put onto others, with the consent for it. Made by `from_images`, `synthetic` or `load`.

    Attributes:
        embedding: (512,) float32 of unit length, the mean over the pictures.
        crops: (n, 256, 256, 3) uint8 RGB, one a picture, aligned at "canon" with scale 0.8; none if it was imported.
        consent: who agreed to what.
        pack: name of the pack whose recogniser made the embedding; "" if another tool's file was imported.
        space: the recogniser whose embedding it is; by default the pack's. Those of different ones cannot be compared.
        length: of the vector as the recogniser gave it, before it was scaled to 1; 0 = not known.
        recogniser: SHA-256 of the pack's recogniser, since packs of one name can have different ones; "" = not known.
        id: 32 hexadecimal digits, a hash of the content: equal faces, equal id.
    """

    embedding: F32
    crops: U8
    consent: Consent
    pack: str
    space: str = ""
    length: float = 0.0
    recogniser: str = ""
    id: str = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.consent, Consent):
            raise ConsentError("an identity needs a consent statement.", HOW)
        object.__setattr__(self, "space", self.space or self.pack)
        _check_arrays(self.embedding, self.crops, 0 if self.is_imported else 1)
        if not math.isfinite(self.length) or self.length < 0:
            raise InputError(f"an identity's length is finite and not below 0, got {self.length}.")
        parts = [self.embedding.tobytes(), self.crops.tobytes(), self.pack.encode()]
        if self.is_imported:
            parts += [self.space.encode(), repr(self.length).encode()]
        digest = hashlib.sha256(b"".join(parts))
        object.__setattr__(self, "id", digest.hexdigest()[:32])

    def __repr__(self) -> str:
        return (
            f"Identity({self.id[:8]}, {len(self.crops)} pictures, consent={self.consent.basis!r}, space={self.space!r})"
        )

    @property
    def is_imported(self) -> bool:
        """Whether it is from another tool's file: an embedding of that one's recogniser, without pictures."""
        return self.space != self.pack

    @property
    def enrolled_with(self) -> str:
        """What made its embedding, in words: "pack nano", or the name of another tool's recogniser."""
        return self.space if self.is_imported else f"pack {self.pack}"

    def require_recogniser_of(self, pack: Pack, called: str = "the identity") -> None:
        """Refuses a pack whose embeddings cannot be compared with this one.

        Args:
            pack: that is to compare.
            called: what the error calls the identity, such as its file.

        Raises:
            InputError: another recogniser made it.
        """
        if self.space != pack.name:
            raise InputError(
                f"{called} was enrolled with {self.enrolled_with}, and this is {pack.name}.",
                f"Enrol it again with --pack {pack.name}.",
            )
        if self.recogniser and self.recogniser != recogniser_digest(pack):
            raise InputError(
                f"{called} was enrolled with another recogniser than that of {pack.name} {pack.manifest.version}.",
                "Enrol it again; for swaps it serves as it is.",
            )

    @classmethod
    def from_images(
        cls,
        images: Sequence[ImageSource] | ImageSource,
        consent: Consent | None = None,
        *,
        analyzer: FaceAnalyzer | None = None,
        pack: str | PathLike[str] = "nano",
        color: Color = "rgb",
    ) -> Self:
        """Learns a face from pictures of it; of each picture the largest face is taken.

        Args:
            images: one picture or several: paths, bytes, PIL images, or (H, W, 3) uint8 arrays.
            consent: the statement that this face may be used.
            analyzer: an open analyzer; by default one is opened for the call.
            pack: the pack for that one.
            color: channel order of arrays.

        Raises:
            ConsentError: no consent was given.
            InputError: no face, a face too small or cut, or the pictures seem to show different people.
            MediaError: a picture could not be read.
        """
        if consent is None:
            raise ConsentError("an identity needs a consent statement.", HOW)
        pictures = list(images) if isinstance(images, list | tuple) else [cast(ImageSource, images)]
        if not pictures:
            raise InputError("no picture was given to enrol.", "Give at least one picture of the face.")
        if analyzer is None:
            with FaceAnalyzer(pack) as opened:
                return cls.from_images(pictures, consent, analyzer=opened, color=color)
        learned = enrol(analyzer, pictures, color)
        return cls(*learned, consent, analyzer.pack.name, recogniser=recogniser_digest(analyzer.pack))

    @classmethod
    def synthetic(
        cls,
        images: Sequence[ImageSource | MadePicture] | ImageSource | MadePicture,
        *,
        analyzer: FaceAnalyzer | None = None,
        pack: str | PathLike[str] = "nano",
    ) -> Self:
        """As `from_images`, for generated pictures of a person who does not exist: no consent question.

        Args:
            images: as of `from_images`, or what `FaceGenerator` returned.
            analyzer, pack: as of `from_images`.

        Raises:
            ConsentError: a generated face was made out of a real person's picture or identity.
        """
        given = [images] if isinstance(images, MadePicture) else images
        if isinstance(given, list | tuple):
            given = [_nobodys_picture(one) if isinstance(one, MadePicture) else one for one in given]
        return cls.from_images(cast(ImageSource, given), Consent.synthetic(), analyzer=analyzer, pack=pack)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the identity as one safetensors file, whole or not at all, readable by its user alone.

        Args:
            path: by custom it ends in .identity.

        Raises:
            MediaError: it cannot be written.
        """
        metadata = {"format": FORMAT, "id": self.id, "pack": self.pack, "consent": self.consent.to_json()}
        if self.recogniser:
            metadata["recogniser"] = self.recogniser
        if self.is_imported:
            metadata |= {"space": self.space, "length": repr(self.length)}
        data = save_tensors({"embedding": self.embedding, "crops": self.crops}, metadata)
        write_atomic(path, data, private=True)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Reads what `save` wrote.

        Raises:
            MediaError: no such file, or it is no identity, or it was changed.
            ConsentError: it carries no consent statement.
        """
        file = Path(path)
        metadata, tensors = _read(file)
        if metadata.get("format") != FORMAT or not {"embedding", "crops"} <= set(tensors):
            raise MediaError(
                f"{file.name} is no identity that this version reads: {metadata.get('format')!r}, {FORMAT!r} expected.",
                "Enrol again: facesdk enroll PICTURE... --consent self -o me.identity",
            )
        if "consent" not in metadata:
            raise ConsentError(f"{file.name} carries no consent statement.", HOW)
        try:
            identity = cls(
                cast(F32, tensors["embedding"]),
                cast(U8, tensors["crops"]),
                Consent.from_json(metadata["consent"]),
                metadata.get("pack", ""),
                metadata.get("space", ""),
                float(metadata.get("length", "0")),
                metadata.get("recogniser", ""),
            )
        except (InputError, ValueError) as error:
            raise MediaError(f"{file.name} is a damaged identity: {error}", "Enrol again.") from error
        if identity.id != metadata.get("id"):
            raise MediaError(f"{file.name} does not match its own hash: it was changed or damaged.", "Enrol again.")
        return identity


def _read(file: Path) -> tuple[dict[str, str], dict[str, NDArray[np.generic]]]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            limit = f"{MAX_FILE_BYTES >> 20} MiB"
            raise MediaError(f"{file.name} is larger than {limit}, so it is no identity.", "Check the path.")
        with safe_open(str(file), framework="numpy") as archive:
            return dict(archive.metadata() or {}), {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise MediaError(f"{file.name} is no identity: {error}.", "Enrol again, or check the path.") from error
    except OSError as error:
        reason = error.strerror or "no such file"
        raise MediaError(f"{file} cannot be read: {reason}.", "Check the path.") from error


def _check_arrays(embedding: F32, crops: U8, least: int) -> None:
    if embedding.ndim != 1 or embedding.dtype != np.float32 or not np.isfinite(embedding).all():
        raise InputError(
            f"an identity's embedding is (512,) float32 and finite, got {embedding.shape} {embedding.dtype}."
        )
    if abs(float(np.linalg.norm(embedding)) - 1.0) > 1e-3:
        raise InputError(f"an identity's embedding has length 1, got {np.linalg.norm(embedding):.4f}.")
    if crops.dtype != np.uint8 or crops.ndim != 4 or len(crops) < least or crops.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
        raise InputError(
            f"an identity's crops are (n, 256, 256, 3) uint8 with n >= {least}, got {crops.shape} {crops.dtype}."
        )


def _nobodys_picture(made: MadePicture) -> U8:
    if not made.is_nobody:
        raise ConsentError(
            "a picture or identity of a real person went into this face, so it is not nobody's.",
            "Enrol it with the consent of that person: Identity.from_images([face.image], consent=...)",
        )
    return made.image
