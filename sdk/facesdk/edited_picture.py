"""What an edit of a photograph gives back."""

from __future__ import annotations

from dataclasses import dataclass

from facesdk.generated_face import GeneratedFace
from facesdk.provenance.label import Kind
from facesdk.provenance.work import Work
from facesdk.result_picture import ResultPicture
from facesdk.types import F32


@dataclass(frozen=True, eq=False)
class EditedPicture(ResultPicture):
    """A picture in which a network changed a face.

    Attributes:
        image: (H, W, 3) uint8 RGB. Where mask is 0, its pixels are the picture's, bit for bit.
        mask: (H, W) float32, 0 = as it was, 1 = generated.
        face: the edited face in the generator's own crop.
    """

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
    def work(self) -> Work:
        """What its manifest and the audit log say of how it was made."""
        return self.face.work
