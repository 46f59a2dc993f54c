"""Who it is: an embedding of unit length for every face of a picture in one batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.faces.align import Template, crop_matrix
from facesdk.faces.crops import crop_planes
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.session import Session
from facesdk.types import F32, U8, Face


def unit(vectors: NDArray[np.floating]) -> F32:
    """(..., D) vectors scaled to length 1.

    Raises:
        BackendError: a vector is zero or not finite, so it has no direction.
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.isfinite(length).all() or (length < 1e-12).any():
        raise BackendError(
            "the recogniser returned an embedding without a direction (zero, NaN or infinite).",
            "Try another backend: facesdk doctor says which agree.",
        )
    return np.asarray(vectors / length, np.float32)


class Recogniser:
    """Embeds faces whose points are known; the cosine of two embeddings says how alike two faces are.

    Args:
        session: the pack's recogniser graph.
        template: alignment template of the graph's input.
        size: side of the graph's input in pixels.
    """

    def __init__(self, session: Session, template: Template = "arcface", size: int = 112) -> None:
        self._session = session
        self._template: Template = template
        self._size = size

    def recognise(self, image: U8, faces: list[Face]) -> list[Face]:
        """Adds the embedding.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: with landmarks, or with the detector's five points only.

        Returns:
            The faces in the same order, with embedding (512,) float32 of unit length.
        """
        if not faces:
            return []
        matrices = [crop_matrix(face.best_points, self._template, self._size) for face in faces]
        found = self._session.run({"crop": crop_planes(image, matrices, self._size)})["embedding"]
        embeddings = unit(require_varied("faces.recogniser", "embedding", found))
        return [replace(face, embedding=embedding) for face, embedding in zip(faces, embeddings)]
