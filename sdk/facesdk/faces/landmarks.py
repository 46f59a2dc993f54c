"""Sixty-eight points, their visibility and the head's pose, for every face of a picture in one batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.faces.align import apply_matrix, invert_matrix
from facesdk.faces.crops import cut_crops, normalise
from facesdk.runtime.session import Session
from facesdk.types import F32, U8, Face, Pose


def quarter_turns(points: NDArray[np.floating]) -> int:
    """How many quarter turns clockwise the eye line of (5, 2) points lies from upright: 0, 1, 2 or 3."""
    dx, dy = points[1] - points[0]
    return int(np.rint(np.degrees(np.arctan2(dy, dx)) / 90.0)) % 4


def landmark_matrix(box: NDArray[np.floating], turns: int, box_scale: float, size: int) -> F32:
    """Matrix from picture pixels to the square crop around a box, turned upright by whole quarter turns.

    The network knows heads that lean up to 45 degrees; quarter turns bring every head into that range.

    Args:
        box: (4,) x0, y0, x1, y1 pixels.
        turns: quarter turns clockwise by which the face is turned in the picture.
        box_scale: side of the square, as a multiple of the box's longer side.
        size: side of the crop in pixels.

    Returns:
        (2, 3) float32.
    """
    side = box_scale * float(max(box[2] - box[0], box[3] - box[1]))
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns % 4]
    linear = np.array([[cos, sin], [-sin, cos]], np.float64) * (size / side)
    centre = np.array([box[0] + box[2], box[1] + box[3]], np.float64) / 2.0
    return np.concatenate([linear, (size / 2.0 - linear @ centre)[:, None]], 1).astype(np.float32)


def wrap_degrees(angle: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle + 180.0) % 360.0 - 180.0


class Landmarker:
    """Places the points of faces whose boxes are known.

    Args:
        session: the pack's landmarks graph.
        box_scale: side of the crop, as a multiple of the box's longer side.
        size: side of the graph's input in pixels.
    """

    def __init__(self, session: Session, box_scale: float = 1.5, size: int = 128) -> None:
        self._session = session
        self._box_scale = box_scale
        self._size = size

    def locate(self, image: U8, faces: list[Face]) -> list[Face]:
        """Adds landmarks, visibility and pose.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: with box and points.

        Returns:
            The faces in the same order, with landmarks in pixels of the picture.

        Raises:
            BackendError: the network returned NaN or infinity.
        """
        if not faces:
            return []
        turns = [quarter_turns(face.points) for face in faces]
        matrices = [landmark_matrix(face.box, turn, self._box_scale, self._size) for face, turn in zip(faces, turns)]
        outputs = self._session.run({"crop": normalise(cut_crops(image, matrices, self._size))})
        points, visible, pose = outputs["points"], outputs["visible"], outputs["pose"]
        if not (np.isfinite(points).all() and np.isfinite(pose).all()):
            raise BackendError(
                "the landmark network returned NaN.", "Try another backend: facesdk doctor says which agree."
            )
        out = []
        for index, (face, matrix, turn) in enumerate(zip(faces, matrices, turns)):
            yaw, pitch, roll = (float(angle) for angle in pose[index])
            out.append(
                replace(
                    face,
                    landmarks=apply_matrix(invert_matrix(matrix), points[index] * self._size),
                    visible=visible[index].astype(np.float32),
                    pose=Pose(yaw, pitch, wrap_degrees(roll - 90.0 * turn)),
                )
            )
        return out
