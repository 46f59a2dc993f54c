"""Camera and pose: where a head-space point falls in the picture."""

from __future__ import annotations

import math

import numpy as np

from train.data.face_world.types import F32, Attributes

DISTANCE = 12.0  # camera to the aim point, interocular units: a portrait lens at about 75 cm
AIM = np.array([0.0, -0.36, -1.3], np.float32)  # the head-space point at the frame's centre
FRAME_WIDTH = 5.15  # width of the frame at the aim point with zoom 1
NECK_PIVOT = np.array([0.0, -1.4, -1.45], np.float32)  # head and torso turn about it
TORSO_SHARE = 0.35  # share of the yaw that the torso follows
GAZE_YAW_DEGREES = 29.0  # eyeball rotation at gaze 1
GAZE_PITCH_DEGREES = 24.0


def rotation(yaw_degrees: float, pitch_degrees: float, roll_degrees: float) -> F32:
    """Rotation matrix: yaw + to the picture's right, pitch + down, roll + counter-clockwise in the picture.

    Args:
        yaw_degrees: about +y, applied first.
        pitch_degrees: about +x, applied second.
        roll_degrees: about +z, applied last.

    Returns:
        (3, 3) float32, acts on column vectors.
    """
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_degrees, pitch_degrees, roll_degrees))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, np.float32)


def head_pose(attributes: Attributes) -> F32:
    """(3, 4) float32 [R | t] from head space to camera-aligned space: the head about the neck's pivot."""
    turn = rotation(attributes.yaw_degrees, attributes.pitch_degrees, attributes.roll_degrees)
    return np.concatenate([turn, (NECK_PIVOT - turn @ NECK_PIVOT)[:, None]], 1)


def torso_pose(attributes: Attributes) -> F32:
    """(3, 4) float32 [R | t] of the torso: it follows a share of the yaw and nothing else."""
    turn = rotation(attributes.yaw_degrees * TORSO_SHARE, 0.0, 0.0)
    return np.concatenate([turn, (NECK_PIVOT - turn @ NECK_PIVOT)[:, None]], 1)


def gaze_rotation(attributes: Attributes) -> F32:
    """(3, 3) float32 rotation of the eyeballs within the head."""
    right, up = attributes.gaze
    return rotation(right * GAZE_YAW_DEGREES, -up * GAZE_PITCH_DEGREES, 0.0)


def camera_position() -> F32:
    """(3,) float32 pinhole in camera-aligned space."""
    return AIM + np.array([0.0, 0.0, DISTANCE], np.float32)


def camera_matrix(attributes: Attributes, size: int, crop: F32 | None, supersample: int) -> F32:
    """Projection of posed points to sub-sample pixels.

    Args:
        attributes: zoom and shift are used.
        size: side of the picture in pixels; also of the untransformed frame.
        crop: (2, 3) from frame pixels to picture pixels, or None.
        supersample: sub-samples per pixel and axis.

    Returns:
        (3, 4) float32 P: with q = P (x, y, z, 1), the pixel is q[:2] / q[2], and q[2] the depth along the axis.
    """
    focal = size * DISTANCE * attributes.zoom / FRAME_WIDTH
    centre_x = size * (0.5 + attributes.shift[0])
    centre_y = size * (0.5 + attributes.shift[1])
    far = DISTANCE + float(AIM[2])  # depth = far - z
    matrix = np.array(
        [
            [focal, 0.0, -centre_x, centre_x * far - focal * float(AIM[0])],
            [0.0, -focal, -centre_y, centre_y * far + focal * float(AIM[1])],
            [0.0, 0.0, -1.0, far],
        ]
    )
    if crop is not None:
        lift = np.eye(3)
        lift[:2] = crop
        matrix = lift @ matrix
    matrix[:2] *= supersample
    return np.asarray(matrix, np.float32)


def pixels_per_unit(matrix: F32) -> float:
    """Scale of a `camera_matrix`: sub-sample pixels per interocular unit at depth 1."""
    return float(math.sqrt(abs(float(np.linalg.det(matrix[:2, :2].astype(np.float64))))))


def project(matrix: F32, points: F32) -> F32:
    """Projects points.

    Args:
        matrix: (3, 4) from `camera_matrix`.
        points: (..., 3) posed points.

    Returns:
        (..., 3) float32: pixel x, pixel y, 1 / depth (greater is nearer).
    """
    q = points @ matrix[:, :3].T + matrix[:, 3]
    inverse_depth = 1.0 / q[..., 2:]
    return np.ascontiguousarray(np.concatenate([q[..., :2] * inverse_depth, inverse_depth], -1), np.float32)


def apply_pose(pose: F32, points: F32) -> F32:
    """Transforms (..., 3) points by a (3, 4) pose."""
    return np.asarray(points @ pose[:, :3].T + pose[:, 3], np.float32)


def pose_vertices(vertices: F32, head_weight: F32, attributes: Attributes) -> F32:
    """Poses a head: linear blend of head and torso by weight.

    Args:
        vertices: (V, 3) head space.
        head_weight: (V,) in [0, 1].
        attributes: yaw, pitch and roll are used.

    Returns:
        (V, 3) float32 camera-aligned space.
    """
    head, torso = head_pose(attributes), torso_pose(attributes)
    out = apply_pose(head, vertices)
    mixed = np.nonzero(head_weight < 1.0)[0]
    weight = head_weight[mixed, None]
    out[mixed] = weight * out[mixed] + (1.0 - weight) * apply_pose(torso, vertices[mixed])
    return out


def after_pose(matrix: F32, pose: F32) -> F32:
    """(3, 4) that poses first and applies `matrix` after it."""
    out = np.empty((3, 4), np.float32)
    out[:, :3] = matrix[:, :3] @ pose[:, :3]
    out[:, 3] = matrix[:, :3] @ pose[:, 3] + matrix[:, 3]
    return out
