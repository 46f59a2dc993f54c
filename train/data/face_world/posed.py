"""A person in a setting: expression, gaze, pose, props and colours, ready for the rasteriser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.data.face_world import camera
from train.data.face_world.palette import srgb_to_linear
from train.data.face_world.prepare import Prepared
from train.data.face_world.raster import vertex_normals
from train.data.face_world.stage import Paint, Surface
from train.data.face_world.types import F32, Attributes, Identity
from train.data.face_world.worn import shown_parts, worn_clothes, worn_props

FRAME_COLORS = ((0.02, 0.02, 0.02), (0.12, 0.05, 0.03), (0.5, 0.38, 0.15), (0.05, 0.06, 0.1))
_SIDES = (("Left", "Out", "In"), ("Right", "In", "Out"))


@dataclass(frozen=True)
class Posed:
    """Geometry of one picture in camera-aligned space."""

    surface: Surface
    head_vertices: int
    landmarks: F32  # (68, 3)
    paint: Paint


def resting_expression(identity: Identity, attributes: Attributes) -> dict[str, float]:
    """Expression weights with the person's resting lids and the lids that follow the gaze added."""
    weights = dict(attributes.expression)
    right, up = attributes.gaze

    def add(name: str, amount: float) -> None:
        if amount > 0:
            weights[name] = min(1.0, weights.get(name, 0.0) + amount)

    for side, right_name, left_name in _SIDES:
        add(f"eyeBlink{side}", identity.lid * (1.0 - weights.get(f"eyeWide{side}", 0.0)))
        add(f"eyeLookUp{side}", up)
        add(f"eyeLookDown{side}", -up)
        add(f"eyeLook{right_name}{side}", right)
        add(f"eyeLook{left_name}{side}", -right)
    return weights


def pose_person(prepared: Prepared, identity: Identity, attributes: Attributes, projection: F32) -> Posed:
    mesh = prepared.head.mesh
    relaxed = prepared.head.deform(identity, resting_expression(identity, attributes))
    head_pose, torso_pose = camera.head_pose(attributes), camera.torso_pose(attributes)
    vertices = [camera.pose_vertices(relaxed, mesh.head_weight, attributes)]
    triangles, material = [mesh.triangles], [mesh.material]
    props = [
        (worn_clothes(prepared, attributes), torso_pose),
        *((prop, head_pose) for prop in worn_props(prepared, attributes)),
    ]
    count = len(relaxed)
    for prop, pose in props:
        vertices.append(camera.apply_pose(pose, prop.vertices))
        triangles.append(prop.triangles + np.int32(count))
        material.append(prop.material)
        count += len(prop.vertices)
    all_vertices = np.concatenate(vertices)
    all_triangles = np.concatenate(triangles)
    plain = np.zeros((len(all_triangles) - len(mesh.triangles), 3), np.int32)
    surface = Surface(
        screen=camera.project(projection, all_vertices),
        triangles=all_triangles,
        uv=mesh.uv,
        uv_triangles=np.concatenate([mesh.uv_triangles, plain]),
        material=np.concatenate(material),
        socket=np.concatenate([prepared.topology.socket, np.zeros(len(plain), np.uint8)]),
        vertices=all_vertices,
        normals=vertex_normals(all_vertices, all_triangles),
        sky=np.zeros((0, 4), np.float32),
    )
    lips = relaxed[mesh.landmarks[60:68]]
    opening = abs(float(lips[2, 1] - lips[6, 1])) * abs(float(lips[0, 0] - lips[4, 0]))
    paint = _paint(prepared, identity, attributes, head_pose, torso_pose)
    paint = paint._replace(mouth=np.array([*lips.mean(0), opening], np.float32))
    return Posed(surface, len(relaxed), vertices[0][mesh.landmarks], paint)


def _paint(prepared: Prepared, identity: Identity, attributes: Attributes, head_pose: F32, torso_pose: F32) -> Paint:
    turn = head_pose[:, :3] @ camera.gaze_rotation(attributes)
    eyes = np.empty((2, 5, 3), np.float32)
    for k in range(2):
        eyes[k, 0] = camera.apply_pose(head_pose, prepared.eye_centres[k])
        eyes[k, 1], eyes[k, 2], eyes[k, 3] = turn[:, 2], turn[:, 1], turn[:, 0]
        eyes[k, 4] = prepared.eye_radii[k], prepared.eyes.radius, 0.0
    rng = np.random.default_rng([attributes.cloth_seed, 41])
    weave = np.array([rng.uniform(20, 70), rng.uniform(20, 70), rng.uniform(0.03, 0.18)], np.float32)
    cloth = srgb_to_linear(np.array(attributes.cloth))
    felt = srgb_to_linear(np.clip(rng.uniform(0.05, 0.6) + rng.uniform(-0.12, 0.12, 3), 0.02, 0.9))
    return Paint(
        skin=prepared.skin,
        parts=shown_parts(prepared, attributes),
        eyes=eyes,
        iris=prepared.eyes.iris,
        sclera=prepared.eyes.sclera,
        waves=prepared.eyes.waves,
        teeth=srgb_to_linear(np.array([0.90, 0.86, 0.77]) - 0.08 * identity.age),
        cloth=cloth,
        weave=weave,
        frame=np.array(FRAME_COLORS[attributes.frame_color % len(FRAME_COLORS)], np.float32),
        hat=felt,
        head=head_pose,
        torso=torso_pose,
        mouth=np.zeros(4, np.float32),
    )
