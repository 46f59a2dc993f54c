"""How usual a face looks to the networks: compared with the pictures that the pack was made and tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import PackError
from facesdk.faces.align import crop_matrix
from facesdk.faces.crops import cut_crop
from facesdk.types import U8, Face

KEY = "typical"
"""Of the family's entry in the manifest."""
FAR = 0.02
"""Faces that are rarer than this among the known pictures are called unlike what the pack knows."""
SIGNALS = (
    "presence", "score", "visible",
    "sharpness", "edges", "grain", "noise", "contrast", "brightness", "red_green", "blue_green",
)  # fmt: skip
CROP_PX = 128
_ROWS, _COLUMNS = slice(40, 110), slice(34, 94)  # of the crop: brows to chin, inside the outline
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class TypicalTable:
    """What is usual.

    Attributes:
        mean: (K,) of SIGNALS.
        precision: (K, K) inverse covariance.
        distances: (Q,) ascending squared Mahalanobis distances of calibration faces, at even probabilities from 0 to 1.
        faces: how many those were.
        graphs: name -> sha256 of the graphs that were asked; with others the table says nothing.
    """

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    distances: NDArray[np.float64]
    faces: int
    graphs: Mapping[str, str]

    def share(self, signals: NDArray[np.floating]) -> float:
        """Share of the known faces that are at least as unusual; never below one in their number.

        Args:
            signals: (K,) of `face_signals`.
        """
        inside = np.interp(self.distance(signals), self.distances, np.linspace(0.0, 1.0, len(self.distances)))
        return float(max(1.0 - inside, 1.0 / (self.faces + 1)))

    def distance(self, signals: NDArray[np.floating]) -> float:
        """Squared Mahalanobis distance from the mean, (K,) signals."""
        away = signals - self.mean
        return float(away @ self.precision @ away)

    def document(self) -> dict[str, Any]:
        """The table as JSON values."""
        return {
            "signals": list(SIGNALS),
            "mean": [float(f"{v:.6g}") for v in self.mean],
            "precision": [[float(f"{v:.6g}") for v in row] for row in self.precision],
            "distances": [float(f"{v:.6g}") for v in self.distances],
            "faces": self.faces,
            "graphs": dict(self.graphs),
        }


def read_table(family: Mapping[str, Any], graphs: Mapping[str, str], where: str) -> TypicalTable | None:
    """The table of a pack.

    Args:
        family: keys of the family's entry beyond the usual ones; packs of older versions have no table among them.
        graphs: name -> sha256 of the pack's graphs.
        where: how errors call the pack.

    Raises:
        PackError: it is damaged, or was made with other graphs.
    """
    found = family.get(KEY)
    if found is None:
        return None
    try:
        mean, precision, distances = (np.array(found[name], np.float64) for name in ("mean", "precision", "distances"))
        made_with = {str(name): str(digest) for name, digest in found["graphs"].items()}
        table = TypicalTable(mean, precision, distances, int(found["faces"]), made_with)
        known = tuple(found["signals"])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise PackError(f"pack {where}: faces.{KEY} is damaged ({error}).", "Export the pack again.") from error
    count = len(SIGNALS)
    fits = table.mean.shape == (count,) and table.precision.shape == (count, count) and table.distances.ndim == 1
    numbers = (table.mean, table.precision, table.distances)
    if known != SIGNALS or not fits or len(table.distances) < 2 or not all(np.isfinite(part).all() for part in numbers):
        raise PackError(
            f"pack {where}: faces.{KEY} holds {known}, expected finite numbers for {SIGNALS}.",
            "Update facesdk, or make the table anew: python -m export typical",
        )
    changed = sorted(name for name, digest in table.graphs.items() if graphs.get(name) != digest)
    if changed or table.faces < 1 or (np.diff(table.distances) < 0).any():
        raise PackError(
            f"pack {where}: faces.{KEY} does not belong to this pack ({', '.join(changed) or 'its numbers'} differ).",
            "Make the table anew: python -m export typical",
        )
    return table


def face_signals(image: U8, face: Face) -> NDArray[np.float64] | None:
    """The signals of one face; None where the landmark net did not say how sure it is.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: with landmarks, visibility and presence.

    Returns:
        (K,) float64, ordered as SIGNALS.
    """
    if face.presence is None or face.landmarks is None or face.visible is None:
        return None
    crop = cut_crop(image, crop_matrix(face.landmarks, "canon", CROP_PX), CROP_PX)[_ROWS, _COLUMNS].astype(np.float32)
    luma = np.ascontiguousarray(crop @ _LUMA)
    curved = cv2.Laplacian(luma, cv2.CV_32F)
    # What edges leave out: the difference of the two diagonals of each 2 x 2 square is zero on a straight edge.
    diagonal = np.abs(luma[1:, 1:] + luma[:-1, :-1] - luma[1:, :-1] - luma[:-1, 1:])
    red, green, blue = crop.reshape(-1, 3).mean(0)
    values = (
        # Doubts near 1 count, so that it is the logarithm of the doubt.
        -np.log(max(1.0001 - face.presence, 1e-4)),
        face.score,
        face.visible.mean(),
        np.log(curved.std() + 0.1),
        np.log(np.abs(np.diff(luma, axis=1)).mean() + 0.1),
        np.log(np.median(np.abs(curved)) + 0.1),
        np.log1p(np.median(diagonal)),
        np.log(luma.std() + 1.0),
        luma.mean() / 64.0,
        (red - green) / 16.0,
        (blue - green) / 16.0,
    )
    return np.array([float(value) for value in values])
