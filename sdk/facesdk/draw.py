"""Draws what an analysis found: boxes with numbers, points, head axes, parts."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import Template, crop_matrix
from facesdk.faces.parse import Part
from facesdk.ops.warp import crop_roi, unwarp
from facesdk.types import F32, Face, Pose, RgbImage

Rgb = tuple[int, int, int]
BLACK: Rgb = (0, 0, 0)
BOX: Rgb = (255, 196, 0)
SEEN: Rgb = (0, 230, 120)
HIDDEN: Rgb = (160, 160, 160)
AXES: tuple[Rgb, Rgb, Rgb] = ((235, 60, 60), (60, 200, 60), (70, 110, 255))
PARTS: dict[Part, Rgb] = {
    Part.FACE: (0, 200, 120),
    Part.HAIR: (150, 90, 220),
    Part.GLASSES: (250, 210, 0),
    Part.OCCLUDER: (240, 60, 60),
}
TINT = 0.35
"""How much of a part's colour covers the picture."""


def head_axes(pose: Pose) -> F32:
    """The head's axes as seen in the picture.

    Args:
        pose: yaw to the picture's right, pitch down, roll counter-clockwise, degrees.

    Returns:
        (3, 2) float32, x right and y down: the axes to the head's right (as the viewer sees it), chin and nose, each of
        length 1 in space.
    """
    yaw, pitch, roll = np.radians([pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees])
    nose = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    chin = np.cross(nose, right)
    # y points down, so a turn counter-clockwise takes x towards -y.
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    axes = np.stack([right, chin, nose])[:, :2] @ turn.T
    return np.asarray(axes, np.float32)


def draw_faces(image: RgbImage, faces: Sequence[Face], template: Template = "canon") -> RgbImage:
    """Draws faces over a copy of their picture.

    Args:
        image: (H, W, 3) uint8 RGB; not changed.
        faces: of this picture; each one's number is its place in the list.
        template: alignment of `Face.parts`.

    Returns:
        (H, W, 3) uint8 RGB: parts tinted, landmarks (grey where hidden), box and number, and the head's axes from the
        nose tip: red to the side, green to the chin, blue along the nose.
    """
    out = image.copy()
    for face in faces:
        if face.parts is not None:
            _tint(out, face, face.parts, template)
    thick = max(1, round(max(image.shape[:2]) / 600))
    for number, face in enumerate(faces):
        _draw_points(out, face, thick)
        if face.pose is not None:
            _draw_axes(out, face, face.pose, thick)
        _draw_box(out, face, number, thick)
    return out


def _tint(out: RgbImage, face: Face, parts: F32, template: Template) -> None:
    size = parts.shape[-1]
    matrix = crop_matrix(face.best_points, template, size)
    roi = crop_roi(matrix, (0, 0, size, size), (out.shape[0], out.shape[1]))
    if roi.is_empty:
        return
    weights = unwarp(parts.transpose(1, 2, 0), matrix, roi, fill=False)
    region = out[roi.slices].astype(np.float32)
    for part, color in PARTS.items():
        weight = TINT * np.clip(weights[..., part, None], 0.0, 1.0)
        region += weight * (np.array(color, np.float32) - region)
    out[roi.slices] = np.rint(region).astype(np.uint8)


def _draw_points(out: RgbImage, face: Face, thick: int) -> None:
    points = face.best_points
    for index, point in enumerate(points):
        hidden = face.landmarks is not None and face.visible is not None and face.visible[index] < 0.5
        cv2.circle(out, _pixel(point), thick, HIDDEN if hidden else SEEN, -1, cv2.LINE_AA)


def _draw_axes(out: RgbImage, face: Face, pose: Pose, thick: int) -> None:
    length = 0.5 * face.width_px
    for axis, color in zip(head_axes(pose), AXES):
        cv2.line(out, _pixel(face.points[2]), _pixel(face.points[2] + length * axis), color, 2 * thick, cv2.LINE_AA)


def _draw_box(out: RgbImage, face: Face, number: int, thick: int) -> None:
    cv2.rectangle(out, _pixel(face.box[:2]), _pixel(face.box[2:]), BOX, thick, cv2.LINE_AA)
    text = f"{number}  {face.score:.2f}"
    scale = 0.45 * thick
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    x, y = _pixel(face.box[:2])
    # Above the box, or inside it where the picture ends.
    top = y - height - 6 if y - height - 6 >= 0 else y
    x = int(np.clip(x, 0, max(0, out.shape[1] - width - 4)))
    cv2.rectangle(out, (x, top), (x + width + 4, top + height + 6), BOX, -1)
    cv2.putText(out, text, (x + 2, top + height + 3), cv2.FONT_HERSHEY_SIMPLEX, scale, BLACK, thick, cv2.LINE_AA)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    """The pixel that a point lies in; far outside is cut to what OpenCV can draw."""
    x, y = np.clip(np.floor(point), -30000, 30000).astype(int)
    return int(x), int(y)
