"""Renders a person with attributes: the picture and its exact truth.

Bits depend only on the arguments: no clock, no threads, no order of calls.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numba import njit

from facesdk.errors import InputError
from facesdk.faces.align import Template, compose, crop_matrix
from train.data.face_world import camera
from train.data.face_world.background import render_background
from train.data.face_world.fabrics import fabric_row
from train.data.face_world.head import get_head
from train.data.face_world.lens import distort_points, photograph, through_lens
from train.data.face_world.light import shadow_taps, sky_radiance, unit
from train.data.face_world.palette import srgb_to_linear
from train.data.face_world.posed import Posed, pose_person, resting_expression
from train.data.face_world.prepare import HEAD_CENTRE, Prepared, Quality, prepare
from train.data.face_world.probe import light_probe
from train.data.face_world.raster import rasterize, shown_vertices
from train.data.face_world.resolve import resolve_color, resolve_geometry, resolve_parts
from train.data.face_world.scatter import scatter_and_combine
from train.data.face_world.shade import shade_pixels
from train.data.face_world.skin_grain import grain_tile, tile_repeats
from train.data.face_world.stage import Finish, Layers, Scene, Surface
from train.data.face_world.strand_pass import draw_facial_hair, draw_hair
from train.data.face_world.strand_raster import StrandTarget
from train.data.face_world.types import F32, I32, Attributes, Identity, Picture
from train.data.face_world.visibility import (
    DIRECTION_COUNT,
    EMPTY,
    fibonacci_directions,
    hair_map,
    height_map,
    irradiance,
    light_view,
)
from train.data.face_world.worn import open_sky, worn_clothes, worn_hair

Truth = Literal["basic", "full"]
SHADOW_EXTENT = 2.6  # half side of the key light's map, interocular units
SHADOW_RESOLUTION: dict[str, int] = {"train": 256, "full": 384}
LANDMARK_TOLERANCE = 0.06  # interocular units that a visible landmark may lie behind the nearest surface


def render(
    identity: Identity,
    attributes: Attributes,
    *,
    size: int = 128,
    supersample: int = 2,
    quality: Quality = "train",
    crop: F32 | None = None,
    hair_strands: int = 5000,
    truth: Truth = "full",
) -> Picture:
    """Renders one picture with its truth.

    Args:
        identity: the person.
        attributes: everything else.
        size: side of the picture, pixels.
        supersample: sub-samples per pixel and axis, 1..4.
        quality: "full" has a finer skin and shadow map.
        crop: (2, 3) from pixels of the untransformed frame (portrait framing, `size` pixels wide) to the picture's. It
            is part of the projection: nothing but a rich setting's lens resamples. None = the portrait frame.
        hair_strands: strands on the scalp.
        truth: "basic" leaves depth and normals zero.

    Returns:
        The picture. Normals stay in the camera's axes even where the crop turns the picture.

    Raises:
        InputError: a size, quality or name that is not known.
    """
    if size < 8 or not 1 <= supersample <= 4 or truth not in ("basic", "full"):
        raise InputError(
            f"render: size {size}, supersample {supersample}, truth {truth!r}.",
            "size must be 8 or more, supersample 1 to 4, truth 'basic' or 'full'.",
        )
    prepared = prepare(identity, quality, hair_strands)
    side = size * supersample
    projection = camera.camera_matrix(attributes, size, crop, supersample)
    posed = pose_person(prepared, identity, attributes, projection)
    scene = _scene(prepared, attributes, posed, quality)

    surface = posed.surface
    inverse_depth = np.zeros((side, side), np.float32)
    triangle_id = np.full((side, side), -1, np.int32)
    rasterize(surface.screen, surface.triangles, side, side, inverse_depth, triangle_id)
    surface = surface._replace(sky=_vertex_sky(prepared, attributes, surface, triangle_id))

    layers = Layers(
        irradiance=np.zeros((side, side, 3), np.float32),
        albedo=np.empty((side, side, 3), np.float32),
        color=np.zeros((side, side, 3), np.float32),
        skin=np.zeros((side, side), np.float32),
        parts=np.zeros((side, side), np.uint8),
        normals=np.empty((side, side, 3), np.float32),
    )
    per_unit = camera.pixels_per_unit(projection)
    finish = _finish(prepared, identity, attributes, camera.DISTANCE / per_unit)
    shade_pixels(triangle_id, surface, posed.paint, scene, layers, finish)
    scatter_and_combine(triangle_id, layers, per_unit / camera.DISTANCE)

    target = StrandTarget(
        color=layers.color,
        alpha=(triangle_id >= 0).astype(np.float32),
        inverse_depth=inverse_depth,
        cover=np.zeros((side, side), np.float32),
        nearest=np.zeros((side, side), np.float32),
        parts=layers.parts,
    )
    draw_facial_hair(prepared, surface, posed.paint.eyes[:, 0], scene, projection, per_unit, target)
    draw_hair(prepared, attributes, scene, projection, per_unit, target)
    return _picture(attributes, posed, layers, target, projection, size, supersample, crop, truth)


def frame_points(identity: Identity, attributes: Attributes, size: int) -> F32:
    """Landmarks without a picture: (68, 2) pixels of the portrait frame, `size` wide, of the plain world."""
    head = get_head(identity.head)
    mesh = head.mesh
    vertices = head.deform(identity, resting_expression(identity, attributes))
    posed = camera.pose_vertices(vertices[mesh.landmarks], mesh.head_weight[mesh.landmarks], attributes)
    return camera.project(camera.camera_matrix(attributes, size, None, 1), posed)[:, :2]


def aligned_crop(
    identity: Identity,
    attributes: Attributes,
    size: int,
    template: Template = "canon",
    jitter: F32 | None = None,
    scale: float = 1.0,
) -> F32:
    """The crop that puts a person's landmarks on a template.

    Args:
        identity: whose landmarks.
        attributes: pose, expression, zoom and shift are used.
        size: side of the picture, pixels.
        template: name in `facesdk.faces.align.TEMPLATES`.
        jitter: (2, 3) applied after the alignment, picture pixels; or None.
        scale: zoom about the crop's centre; < 1 shows more around the face.

    Returns:
        (2, 3) float32 for `render(..., crop=...)`.
    """
    matrix = crop_matrix(frame_points(identity, attributes, size), template, size, scale)
    return matrix if jitter is None else compose(jitter, matrix)


def _scene(prepared: Prepared, attributes: Attributes, posed: Posed, quality: Quality) -> Scene:
    light = attributes.light
    key = unit(light.key_direction)
    head_pose = posed.paint.head
    resolution = SHADOW_RESOLUTION[quality]
    view = light_view(key, camera.apply_pose(head_pose, HEAD_CENTRE), SHADOW_EXTENT, resolution)
    own = len(prepared.head.mesh.triangles)
    caster = np.concatenate([prepared.topology.caster, posed.surface.triangles[own:]])
    mesh = height_map(posed.surface.vertices, caster, view, resolution)
    strands = worn_hair(prepared, attributes)
    if strands is None or strands.points is None:
        hair = np.full((resolution, resolution), EMPTY, np.float32)
    else:
        body, alive = strands.points[: strands.body], strands.alive[: strands.body]
        hair = hair_map(body, alive, 1, 1, camera.after_pose(view, head_pose), resolution)
    softness = 0.145 * light.key_softness * resolution / (2 * SHADOW_EXTENT)
    return Scene(
        key=key,
        key_rgb=np.array(light.key_color, np.float32) * np.float32(light.key_intensity),
        rim=unit(light.rim_direction),
        rim_rgb=np.array(light.rim_color, np.float32) * np.float32(light.rim_intensity),
        sky=np.array(light.sky, np.float32) * np.float32(light.fill),
        ground=np.array(light.ground, np.float32) * np.float32(light.fill),
        camera=camera.camera_position(),
        shadow_view=view,
        shadow_mesh=mesh,
        shadow_hair=hair,
        shadow_taps=shadow_taps(softness),
    )


def _finish(prepared: Prepared, identity: Identity, attributes: Attributes, footprint: float) -> Finish | None:
    """What the rich world adds to the shading of a picture; None in the plain world."""
    extras = attributes.extras
    if extras is None:
        return None
    probe = light_probe(extras.surroundings, attributes.light)
    return Finish(
        tile=grain_tile(footprint),
        repeats=tile_repeats(prepared.atlas),
        pores=0.0 if identity.texture is None else identity.texture.pores,
        fabrics=np.stack([fabric_row(cloth) for cloth in (extras.cloth, extras.outer, extras.hat_cloth)]),
        metal=srgb_to_linear(extras.metal),
        footprint=footprint,
        sharp=probe.sharp,
        soft=probe.soft,
    )


def _vertex_sky(prepared: Prepared, attributes: Attributes, surface: Surface, triangle_id: I32) -> F32:
    """Sky light of the vertices that the picture shows."""
    count = len(surface.vertices)
    used = shown_vertices(triangle_id, surface.triangles, count)
    visibility = open_sky(prepared, attributes, count)
    weight = np.ones(count, np.float32)
    own = len(prepared.neutral)
    weight[:own] = prepared.head.mesh.head_weight
    weight[own : own + len(worn_clothes(prepared, attributes).vertices)] = 0.0
    directions = fibonacci_directions(DIRECTION_COUNT)
    head = directions @ camera.head_pose(attributes)[:, :3].T
    torso = directions @ camera.torso_pose(attributes)[:, :3].T
    probe = attributes.extras and light_probe(attributes.extras.surroundings, attributes.light)
    head_radiance = sky_radiance(head, attributes.light, probe)
    torso_radiance = sky_radiance(torso, attributes.light, probe)
    return irradiance(surface.normals, visibility, weight, used, head, torso, head_radiance, torso_radiance)


def _picture(
    attributes: Attributes,
    posed: Posed,
    layers: Layers,
    target: StrandTarget,
    projection: F32,
    size: int,
    supersample: int,
    crop: F32 | None,
    truth: Truth,
) -> Picture:
    screen = camera.project(projection, posed.landmarks)
    visible = _landmark_visibility(screen, target)
    landmarks = screen[:, :2] / np.float32(supersample)
    background = _background(attributes.background, attributes.background_seed, size)
    gain = 0.35 + 0.65 * attributes.light.fill
    if attributes.extras is None:
        rgb = np.empty((size, size, 3), np.uint8)
        alpha = np.empty((size, size), np.float32)
        resolve_color(target.color, target.alpha, background, gain, attributes.exposure, supersample, rgb, alpha)
    else:
        lens = attributes.extras.lens
        target, layers = through_lens(target, layers, lens.distortion)
        landmarks = distort_points(landmarks, lens.distortion, size)
        rgb, alpha = photograph(target, background, gain, attributes.exposure, lens)
    parts = np.empty((size, size), np.uint8)
    resolve_parts(target.parts, supersample, parts)
    depth = np.zeros((size, size), np.float32)
    normals = np.zeros((size, size, 3), np.float32)
    if truth == "full":
        resolve_geometry(
            target.inverse_depth, target.cover, target.nearest, layers.normals, supersample, depth, normals
        )
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float32) if crop is None else np.asarray(crop, np.float32)
    return Picture(
        rgb=rgb,
        alpha=alpha,
        parts=parts,
        landmarks=landmarks,
        landmarks_3d=np.asarray(posed.landmarks, np.float32),
        visible=visible,
        depth=depth,
        normals=normals,
        crop=matrix,
    )


def _landmark_visibility(screen: F32, target: StrandTarget) -> np.ndarray:
    """A landmark is visible if, somewhere within a sub-sample of it, nothing lies clearly in front of it."""
    visible = np.zeros(len(screen), np.bool_)
    _mark_visible(screen, target, np.float32(LANDMARK_TOLERANCE), visible)
    return visible


@njit(cache=True, nogil=True)
def _mark_visible(screen, target, tolerance, visible):  # type: ignore[no-untyped-def]
    height, width = target.alpha.shape
    one = np.float32(1.0)
    for k in range(len(screen)):
        column, row = int(math.floor(screen[k, 0])), int(math.floor(screen[k, 1]))
        if not (0 <= column < width and 0 <= row < height):
            continue
        limit = one / (one / screen[k, 2] - tolerance)
        for i in range(max(row - 1, 0), min(row + 2, height)):
            for j in range(max(column - 1, 0), min(column + 2, width)):
                near = target.inverse_depth[i, j]
                if target.cover[i, j] > 0.5:
                    near = max(near, target.nearest[i, j])
                if near <= limit:
                    visible[k] = True


@lru_cache(maxsize=256)
def _background(kind: str, seed: int, size: int) -> F32:
    return np.ascontiguousarray(render_background(kind, seed, size), np.float32)
