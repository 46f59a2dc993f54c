"""The linear baseline: what the best linear code of as many numbers keeps of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from facesdk.errors import InputError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
BATCH = 256


@dataclass(frozen=True, eq=False)
class PicturePCA:
    """Principal components of pictures.

    Attributes:
        mean: (P,) float32, 0 to 255, P = S * S * 3.
        directions: (K, P) float32 orthonormal rows, the largest variance first.
    """

    mean: F32
    directions: F32

    @classmethod
    def fit(cls, pictures: U8, components: int) -> Self:
        """The exact components, from the pictures' inner products, since there are fewer pictures than pixels.

        Args:
            pictures: (N, S, S, 3) uint8, N > components.
            components: K.

        Raises:
            InputError: too few pictures.

        Source: Turk and Pentland 1991 (doi.org/10.1162/jocn.1991.3.1.71), section "Calculating Eigenfaces".
        """
        count = len(pictures)
        if count <= components:
            raise InputError(f"{count} pictures are too few for {components} components.", "Name more with --train.")
        rows = pictures.reshape(count, -1).astype(np.float32)
        mean = rows.mean(0, dtype=np.float64).astype(np.float32)
        rows -= mean
        gram = (rows @ rows.T).astype(np.float64)
        _, vectors = eigh(gram, subset_by_index=(count - components, count - 1), overwrite_a=True)
        directions = vectors[:, ::-1].T.astype(np.float32) @ rows
        # Of a direction in which no picture differs only rounding is left, and that must not become a unit vector.
        length = np.linalg.norm(directions, axis=1, keepdims=True)
        floor = 1e-5 * max(float(length.max()), 1e-12)
        return cls(mean, np.where(length > floor, directions / np.maximum(length, floor), 0.0).astype(np.float32))

    def reconstruct(self, pictures: U8) -> U8:
        """Pictures from their `K` coordinates, (N, S, S, 3) uint8."""
        made = []
        for start in range(0, len(pictures), BATCH):
            rows = pictures[start : start + BATCH].reshape(-1, len(self.mean)) - self.mean
            made.append(rows @ self.directions.T @ self.directions + self.mean)
        return np.rint(np.clip(np.concatenate(made), 0, 255)).astype(np.uint8).reshape(pictures.shape)

    def mean_picture(self, pictures: U8) -> U8:
        """The mean picture once for each of (N, S, S, 3) pictures."""
        one = np.rint(self.mean).astype(np.uint8).reshape(pictures.shape[1:])
        return np.broadcast_to(one, pictures.shape)
