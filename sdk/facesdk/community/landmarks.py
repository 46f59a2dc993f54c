"""2dfan4's points in place of the pack's own, where it is sure of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facesdk.community.model import Model
from facesdk.faces.align import apply_matrix, invert_matrix
from facesdk.faces.landmarks import Landmarker
from facesdk.types import F32, U8, Face

BOX_PX = 195.0
"""The longer side of the face's box, in pixels of the crop. Source: facefusion face_landmarker.py."""
GRID = 64.0
SURE, FULL_SCORE = 0.5, 0.9
"""Lowest score that counts, and the mean peak of the heat maps that is a score of 1; same source."""


class CommunityLandmarker(Landmarker):
    """The pack's landmarks with their visibility and pose, and the points of 2dfan4.

    Args:
        own: finds the faces' pose.
        model: 2dfan4.
    """

    def __init__(self, own: Landmarker, model: Model) -> None:
        self._own = own
        self._model = model

    def locate(self, image: U8, faces: list[Face], min_presence: float = 0.0) -> list[Face]:
        """See `Landmarker.locate`; a face of whose points 2dfan4 is not sure keeps the others."""
        located = self._own.locate(image, faces, min_presence)
        if not located:
            return []
        rule = self._model.convention.picture
        assert rule is not None, "the table says how a landmark net's picture enters"
        matrices = [box_matrix(face.box, rule.size) for face in located]
        outputs = self._model.run(picture=rule.cut(image, matrices))
        scores = outputs["heatmaps"].max((2, 3)).mean(1) / FULL_SCORE
        points = outputs["points"][..., :2] * (rule.size / GRID)
        return [
            replace(face, landmarks=apply_matrix(invert_matrix(matrix), known)) if score > SURE else face
            for face, matrix, known, score in zip(located, matrices, points, scores)
        ]


def box_matrix(box: F32, size: int) -> F32:
    """(2, 3) matrix from picture pixels to the crop whose middle is the box, its longer side BOX_PX."""
    scale = BOX_PX / max(float((box[2:] - box[:2]).max()), 1e-3)
    offset = size / 2.0 - scale * (box[:2] + box[2:]) / 2.0
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float32)
