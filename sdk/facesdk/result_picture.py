"""What every picture that a network made or changed has in common: it leaves with its marks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from facesdk.provenance.label import Kind
from facesdk.provenance.mark import MarkedImage, mark
from facesdk.provenance.work import Work
from facesdk.types import RgbImage


@dataclass(frozen=True, eq=False)
class ResultPicture(ABC):
    """A picture that a network made or changed.

    Attributes:
        image: (H, W, 3) uint8 RGB, without marks.
    """

    image: RgbImage

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """The kind of its label."""

    @property
    @abstractmethod
    def work(self) -> Work:
        """What its manifest and the audit log say of how it was made."""

    @property
    def marked(self) -> MarkedImage:
        """The picture with its marks; made anew each time that it is asked for."""
        return self.marked_for()

    @property
    def marks(self) -> tuple[str, ...]:
        """What marks the written file as made by a trained algorithm."""
        return self.marked.marks

    def marked_for(self, profile: str = "default", label: bool = False) -> MarkedImage:
        """The picture with the marks that a profile asks for; see `provenance.mark`."""
        return mark(self.image, self.kind, self.work, profile=profile, label=label)

    def save(
        self,
        path: str | PathLike[str],
        quality: int = 95,
        *,
        profile: str = "default",
        label: bool = False,
        raw: bool = False,
    ) -> Path:
        """Writes the picture with its marks, whole or not at all.

        Args:
            path: .jpg, .png, .webp or .tif.
            quality: of JPEG and WebP, 1 to 100.
            profile: "default", "eu", "cn" or "us-ca": what is asked for there.
            label: draw a visible label.
            raw: write it without any mark, for measurements; the audit log says so.

        Returns:
            The path.

        Raises:
            MediaError: it cannot be written.
            ProvenanceError: the format cannot carry the label, or what the profile asks for cannot be written here.
        """
        return self.marked_for(profile, label).save(path, quality, raw=raw)
