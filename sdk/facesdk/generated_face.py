"""What the generator gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from facesdk.consent import Consent
from facesdk.provenance.label import Kind
from facesdk.provenance.work import Work
from facesdk.result_picture import ResultPicture
from facesdk.types import F32


@dataclass(frozen=True, eq=False)
class GeneratedFace(ResultPicture):
    """A face that a network made.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        latent: (D,) float32, the face as the decoder reads it.
        seed, index: what its noise was made of; None if it was not made of noise.
        attributes: what was asked for.
        consents: of the people whose pictures or identities went into it; empty: it is nobody's face.
    """

    latent: F32
    seed: int | None = None
    index: int | None = None
    attributes: Mapping[str, float | str] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        made_of = "a picture" if self.seed is None else f"seed {self.seed}, number {self.index}"
        asked = "".join(f", {name}={value}" for name, value in self.attributes.items())
        return f"GeneratedFace({width}x{height}, {made_of}{asked})"

    @property
    def is_nobody(self) -> bool:
        """Whether no person's picture or identity went into it, so that it can be used without asking anybody."""
        return not self.consents

    @property
    def kind(self) -> Kind:
        """The kind of its label.

        "generate" (trainedAlgorithmicMedia) says that it is nobody; what came out of a person's picture or identity is
        "swap" (compositeWithTrainedAlgorithmicMedia, which the IPTC reads as "edited using generative AI").
        """
        return "swap" if self.consents else "generate"

    @property
    def work(self) -> Work:
        """What its manifest and the audit log say of how it was made."""
        return Work(consents=tuple(consent.standing for consent in self.consents))
