"""Which pixels: probabilities of five parts in the aligned crop, for every face of a picture in one batch."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

from facesdk.faces.align import Template, crop_matrix
from facesdk.faces.crops import crop_planes, normalise
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.session import Session
from facesdk.types import F32, U8, Face


class Part(IntEnum):
    """Channels of `Face.parts`."""

    BACKGROUND = 0
    FACE = 1  # what a swap replaces: skin, brows, eyes, nose, lips, mouth, teeth, beard
    HAIR = 2
    GLASSES = 3
    OCCLUDER = 4  # hands, bars, hats, anything in front


class Parser:
    """Tells face from hair, glasses and what stands in front.

    Args:
        session: the pack's parser graph.
        template: alignment template of the graph's input.
        size: side of the graph's input in pixels.
    """

    def __init__(self, session: Session, template: Template = "canon", size: int = 128) -> None:
        self._session = session
        self.template: Template = template
        self.size = size

    def parse(self, image: U8, faces: list[Face]) -> list[Face]:
        """Adds the parts.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: with landmarks, or with the detector's five points only.

        Returns:
            The faces in the same order, with parts (5, size, size) float32 in the aligned crop.
        """
        if not faces:
            return []
        parts = self.parse_planes(crop_planes(image, [self.matrix(face) for face in faces], self.size))
        return [replace(face, parts=part) for face, part in zip(faces, parts)]

    def parse_crops(self, crops: U8) -> F32:
        """(n, size, size, 3) uint8 crops to (n, 5, size, size) float32 probabilities."""
        return self.parse_planes(normalise(crops))

    def parse_planes(self, planes: F32, alike: bool = False) -> F32:
        """(n, 3, size, size) float32 crops in [-1, 1] to (n, 5, size, size) float32 probabilities.

        `alike` as in `Session.run`.
        """
        parts = self._session.run({"crop": planes}, alike)["parts"]
        # Over all channels at once: what shows nothing but face is one constant in each of them.
        require_varied("faces.parser", "parts", parts.reshape(len(parts), -1))
        return parts

    def matrix(self, face: Face) -> F32:
        """(2, 3) matrix from picture pixels to the pixels of `Face.parts`."""
        return crop_matrix(face.best_points, self.template, self.size)
