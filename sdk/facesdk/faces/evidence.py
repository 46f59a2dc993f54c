"""Whether what the detector and the landmark net say together is enough for a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facesdk.errors import PackError
from facesdk.types import Face

LEAST = 1e-4
"""Probabilities are kept this far from 0 and 1, so that neither net can decide alone."""


@dataclass(frozen=True)
class Evidence:
    """A face counts when logit(score) + presence_weight * logit(presence) reaches a threshold.

    The detector looks at the whole picture once, the landmark net twice at a crop: they err on different things, so
    that a weak box with a sure crop is worth more than either threshold alone lets through.

    Attributes:
        candidate_score: boxes below it are not looked at.
        presence_weight: of the landmark net's word.
        threshold: least evidence of a face, in nats of log odds.
        candidate_iou: of two boxes that overlap more than this only the better is looked at; None for as much as two
            faces may. Boxes of a face half behind another overlap more than what their points say of both.
    """

    candidate_score: float
    presence_weight: float
    threshold: float
    candidate_iou: float | None = None

    @classmethod
    def read(cls, crop: Mapping[str, Any]) -> Self | None:
        """The rule of the landmark net's entry in a pack's preprocessing; None where the pack has none.

        Raises:
            PackError: the rule is not of numbers.
        """
        rule = crop.get("evidence")
        if rule is None:
            return None
        try:
            overlap = rule.get("candidate_iou")
            return cls(
                float(rule["candidate_score"]), float(rule["presence_weight"]), float(rule["threshold"]),
                None if overlap is None else float(overlap),
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"faces.preprocessing.crops.landmarks.evidence: got {rule!r}, expected the numbers candidate_score, "
                "presence_weight, threshold and, if any, candidate_iou.",
                "Export the pack again.",
            ) from error

    def of(self, score: float, presence: float) -> float:
        """Log odds of a face, in nats."""
        return _logit(score) + self.presence_weight * _logit(presence)

    def enough(self, score: float, presence: float | None) -> bool:
        """Whether a box is a face; always where the landmark net does not tell presence."""
        return presence is None or self.of(score, presence) >= self.threshold

    def sure(self, faces: list[Face]) -> list[Face]:
        """The faces with enough of it, in their order."""
        return [face for face in faces if self.enough(face.score, face.presence)]


def _logit(probability: float) -> float:
    kept = min(max(probability, LEAST), 1.0 - LEAST)
    return float(np.log(kept / (1.0 - kept)))
