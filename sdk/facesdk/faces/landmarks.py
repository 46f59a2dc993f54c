"""Sixty-eight points, their visibility and the head's pose, for every face of a picture in one batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.faces.align import apply_matrix, invert_matrix
from facesdk.faces.crops import crop_planes
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.session import Session
from facesdk.types import F32, U8, Face, Pose

UNSTEADY = 0.25
"""Looks whose points differ by this share of the face agree to 1 / e. Medians: 0.03 of faces, 0.21 of false ones."""

BLURRED_ZOOM = 2.0
"""Enlarged further, a small face is a blur to the second look, which may deny it; the first then has half a say."""


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


def tight_matrix(landmarks: NDArray[np.floating], roll_degrees: float, scale: float, size: int) -> F32:
    """Matrix from picture pixels to the square crop in which a known head stands upright and fills the frame.

    Args:
        landmarks: (68, 2) pixels.
        roll_degrees: roll of the head in the picture, + counter-clockwise as seen.
        scale: side of the square, as a multiple of the longer side of the upright landmarks' bounding box.
        size: side of the crop in pixels.

    Returns:
        (2, 3) float32.
    """
    angle = np.radians(roll_degrees)
    # Rows point down: this turns what is seen clockwise, and so takes a counter-clockwise roll away.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = landmarks.astype(np.float64) @ turn.T
    low, high = upright.min(0), upright.max(0)
    zoom = size / (scale * max(float((high - low).max()), 1e-3))
    offset = size / 2.0 - zoom * (low + high) / 2.0
    return np.concatenate([zoom * turn, offset[:, None]], 1).astype(np.float32)


def wrap_degrees(angle: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle + 180.0) % 360.0 - 180.0


def agreement(first: Face, second: Face) -> float:
    """How well two looks at one face agree, 0 to 1: points of what is no face jump when the crop changes."""
    assert first.landmarks is not None and second.landmarks is not None
    moved = float(np.sqrt(((first.landmarks - second.landmarks) ** 2).sum(-1).mean()))
    extent = float((second.landmarks.max(0) - second.landmarks.min(0)).max())
    return float(np.exp(-((moved / max(extent, 1e-3) / UNSTEADY) ** 2)))


class Landmarker:
    """Places the points of faces whose boxes are known.

    Args:
        session: the pack's landmarks graph.
        box_scale: side of the crop, as a multiple of the box's longer side.
        size: side of the graph's input in pixels.
        refine_scale: side of a second crop, as a multiple of what the first one's points span; None for one crop only.
    """

    def __init__(
        self, session: Session, box_scale: float = 1.5, size: int = 128, refine_scale: float | None = None
    ) -> None:
        self._session = session
        self._box_scale = box_scale
        self._size = size
        self._refine_scale = refine_scale

    def locate(self, image: U8, faces: list[Face], min_presence: float = 0.0) -> list[Face]:
        """Adds landmarks, visibility and pose.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: with box and points.
            min_presence: faces that are less likely to be one are left out, after the first look and after the second;
                without effect on packs whose graph does not tell.

        Returns:
            The faces in the same order, with landmarks in pixels of the picture.

        Raises:
            BackendError: the network returned NaN or infinity.
        """
        if not faces:
            return []
        turns = [quarter_turns(face.points) for face in faces]
        matrices = [landmark_matrix(face.box, turn, self._box_scale, self._size) for face, turn in zip(faces, turns)]
        rolls = [-90.0 * turn for turn in turns]
        located, presence = self._look(image, faces, matrices, rolls)
        if presence is not None:
            located = [
                replace(face, presence=float(share)) for face, share in zip(located, presence) if share >= min_presence
            ]
        if self._refine_scale is None or not located:
            return located
        matrices, rolls = [], []
        for face in located:
            assert face.landmarks is not None and face.pose is not None
            rolls.append(face.pose.roll_degrees)
            matrices.append(tight_matrix(face.landmarks, rolls[-1], self._refine_scale, self._size))
        again, presence = self._look(image, located, matrices, rolls)
        if presence is None:
            return again
        out = []
        for first, second, share, matrix in zip(located, again, presence, matrices, strict=True):
            assert first.presence is not None
            sure = float(share)
            if np.hypot(*matrix[0, :2]) > BLURRED_ZOOM:
                sure = (first.presence + sure) / 2.0
            sure *= agreement(first, second)
            if sure >= min_presence:
                out.append(replace(second, presence=sure))
        return out

    def _look(
        self, image: U8, faces: list[Face], matrices: list[F32], rolls: list[float]
    ) -> tuple[list[Face], F32 | None]:
        """One run of the graph; rolls: degrees by which each crop was turned upright. Presence if it is told."""
        outputs = self._session.run({"crop": crop_planes(image, matrices, self._size, self._session.threads)})
        points, visible, pose = outputs["points"], outputs["visible"], outputs["pose"]
        presence = outputs["presence"].reshape(-1) if "presence" in outputs else None
        if not (np.isfinite(points).all() and np.isfinite(pose).all()):
            raise BackendError(
                "the landmark network returned NaN.", "Try another backend: facesdk doctor says which agree."
            )
        require_varied("faces.landmarks", "points", points.reshape(len(points), -1))
        out = []
        for index, (face, matrix, turned) in enumerate(zip(faces, matrices, rolls)):
            yaw, pitch, roll = (float(angle) for angle in pose[index])
            out.append(
                replace(
                    face,
                    landmarks=apply_matrix(invert_matrix(matrix), points[index] * self._size),
                    visible=visible[index].astype(np.float32),
                    pose=Pose(yaw, pitch, wrap_degrees(roll + turned)),
                )
            )
        return out, presence
