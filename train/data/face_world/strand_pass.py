"""Draws a person's strands: brows, beard and lashes on the posed skin, then the hair on the scalp."""

from __future__ import annotations

import numpy as np

from facesdk.errors import InputError
from train.data.face_world import camera
from train.data.face_world.light import sky_radiance
from train.data.face_world.prepare import SKULL_CENTRE, STRAND_SKY_STEP, Prepared
from train.data.face_world.probe import light_probe
from train.data.face_world.stage import Scene, Surface
from train.data.face_world.strand_raster import StrandLight, StrandTarget, anchored_points, draw_strands, strand_sky
from train.data.face_world.types import F32, Attributes, Part, Strands
from train.data.face_world.visibility import DIRECTION_COUNT, fibonacci_directions
from train.data.face_world.worn import worn_hair

_BIAS = {Part.BROW: 0.006, Part.BEARD: 0.004, Part.LASH: 0.004}  # relative depth


def _strand_light(scene: Scene, pose: F32) -> StrandLight:
    """The scene's light in the space before a pose."""
    back = pose[:, :3].T
    return StrandLight(
        key=np.ascontiguousarray(back @ scene.key),
        key_rgb=scene.key_rgb,
        rim=np.ascontiguousarray(back @ scene.rim),
        rim_rgb=scene.rim_rgb,
        camera=np.ascontiguousarray(back @ (scene.camera - pose[:, 3])),
        shadow_view=camera.after_pose(scene.shadow_view, pose),
        shadow_mesh=scene.shadow_mesh,
        shadow_hair=scene.shadow_hair,
    )


def draw_facial_hair(
    prepared: Prepared,
    surface: Surface,
    eye_centres: F32,
    scene: Scene,
    projection: F32,
    per_unit: float,
    target: StrandTarget,
) -> None:
    """Draws brows, beard and lashes; they blend over the skin and leave its depth alone.

    Args:
        prepared: the person.
        surface: posed, with the sky light of the vertices.
        eye_centres: (2, 3) posed.
        scene: light.
        projection: (3, 4) from posed points to sub-sample pixels.
        per_unit: sub-sample pixels per interocular unit at depth 1.
        target: in and out.
    """
    standing = np.concatenate([np.eye(3, dtype=np.float32), np.zeros((3, 1), np.float32)], 1)
    light = _strand_light(scene, standing)
    for strands in prepared.facial_hair:
        if strands.triangle is None or strands.barycentric is None or strands.lift is None:
            raise InputError(f"{strands.part.name.lower()} strands have no anchors.")
        points, normals = anchored_points(
            surface.vertices,
            surface.normals,
            surface.triangles,
            strands.triangle,
            strands.barycentric,
            strands.lift if strands.part != Part.LASH else np.zeros_like(strands.lift),
        )
        if strands.part == Part.LASH:
            points, normals = _lift_lashes(points, strands.lift, eye_centres)
        root = surface.triangles[strands.triangle[:, 0]]
        sky = np.einsum("nk,nkc->nc", strands.barycentric[:, 0], surface.sky[root][..., :3])[:, None] * np.float32(0.7)
        target.cover.fill(0)
        target.nearest.fill(0)
        _draw(strands, points, normals, sky, (1, points.shape[1]), 0.85, projection, per_unit, light, target)
    target.cover.fill(0)
    target.nearest.fill(0)


def draw_hair(
    prepared: Prepared, attributes: Attributes, scene: Scene, projection: F32, per_unit: float, target: StrandTarget
) -> None:
    """Draws the hair on the scalp and leaves its cover and nearest depth in the target; see `draw_facial_hair`."""
    strands = worn_hair(prepared, attributes)
    if strands is None or strands.points is None:
        return
    pose = camera.head_pose(attributes)
    probe = attributes.extras and light_probe(attributes.extras.surroundings, attributes.light)
    radiance = sky_radiance(fibonacci_directions(DIRECTION_COUNT) @ pose[:, :3].T, attributes.light, probe)
    sky = strand_sky(prepared.hair_sky, radiance, prepared.hair_sky_shape)
    none = np.zeros((0, 0, 3), np.float32)
    light = _strand_light(scene, pose)
    posed_projection = camera.after_pose(projection, pose)
    _draw(strands, strands.points, none, sky, STRAND_SKY_STEP, 0.95, posed_projection, per_unit, light, target)


def _draw(
    strands: Strands,
    points: F32,
    normals: F32,
    sky: F32,
    sky_step: tuple[int, int],
    opacity: float,
    projection: F32,
    per_unit: float,
    light: StrandLight,
    target: StrandTarget,
) -> None:
    draw_strands(
        points,
        normals,
        SKULL_CENTRE,
        strands.alive,
        strands.color,
        strands.width,
        strands.occlusion,
        np.ascontiguousarray(sky, np.float32),
        sky_step,
        int(strands.part),
        opacity,
        _BIAS.get(strands.part, 0.0),
        projection,
        per_unit,
        light,
        target,
    )


def _lift_lashes(points: F32, lift: F32, eye_centres: F32) -> tuple[F32, F32]:
    """Lashes rise away from the eyeball, not along the lid's normals: its edge is too sharp for them."""
    root = points[:, 0]
    apart = np.linalg.norm(root[:, None] - eye_centres, axis=-1)
    away = root - eye_centres[apart.argmin(1)]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    normals = np.repeat(away[:, None], points.shape[1], 1)
    return np.ascontiguousarray(points + lift[..., None] * normals), normals
