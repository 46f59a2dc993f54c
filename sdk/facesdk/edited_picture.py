"""What an edit of a photograph gives back."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from facesdk.generated_face import GeneratedFace
from facesdk.provenance.label import Kind
from facesdk.provenance.mark import MarkedImage, mark
from facesdk.provenance.work import Work
from facesdk.types import F32, RgbImage


@dataclass(frozen=True, eq=False)
class EditedPicture:
    """A picture in which a network changed a face.

    Attributes:
        image: (H, W, 3) uint8 RGB. Where mask is 0, its pixels are the picture's, bit for bit.
        mask: (H, W) float32, 0 = as it was, 1 = generated.
        face: the edited face in the generator's own crop.
    """

    image: RgbImage
    mask: F32
    face: GeneratedFace

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"EditedPicture({width}x{height}, {self.face!r})"

    @property
    def kind(self) -> Kind:
        """The kind of its label: compositeWithTrainedAlgorithmicMedia, but for a picture that was generated itself."""
        return self.face.kind

    @property
    def marked(self) -> MarkedImage:
        """The picture with its marks."""
        return self.marked_for("default")

    def marked_for(self, profile: str, label: bool = False) -> MarkedImage:
        """The picture with the marks that a profile asks for; see `provenance.mark`."""
        work = Work(consents=tuple(consent.standing for consent in self.face.consents))
        return mark(self.image, self.kind, work, profile=profile, label=label)

    def save(
        self,
        path: str | PathLike[str],
        quality: int = 95,
        *,
        profile: str = "default",
        label: bool = False,
        raw: bool = False,
    ) -> Path:
        """Writes the picture with its marks, whole or not at all; see `GeneratedFace.save`."""
        return self.marked_for(profile, label).save(path, quality, raw=raw)
