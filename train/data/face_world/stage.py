"""What the shading of one picture reads and fills: light, geometry, colours and buffers."""

from __future__ import annotations

from typing import NamedTuple

from train.data.face_world.types import F32, I32, U8


class Scene(NamedTuple):
    """Light and camera of one picture, in camera-aligned space."""

    key: F32  # (3,) unit vector towards the key light
    key_rgb: F32  # (3,) colour times intensity
    rim: F32  # (3,) unit vector
    rim_rgb: F32  # (3,)
    sky: F32  # (3,)
    ground: F32  # (3,)
    camera: F32  # (3,)
    shadow_view: F32  # (3, 4) of `light_view`
    shadow_mesh: F32  # (R, R) heights
    shadow_hair: F32  # (R, R) heights
    shadow_taps: F32  # (SHADOW_TURNS, SHADOW_TAPS, 3): x, y, radius in texels


class Surface(NamedTuple):
    """Triangles of one picture with what the shading interpolates."""

    screen: F32  # (V, 3) pixel x, y, 1 / depth
    triangles: I32  # (T, 3)
    uv: F32  # (U, 2)
    uv_triangles: I32  # (T, 3), or (0, 0, 0) without texture
    material: U8  # (T,)
    socket: U8  # (T,) 1 = MOUTH material that lies in an eye socket
    vertices: F32  # (V, 3) posed
    normals: F32  # (V, 3) posed
    sky: F32  # (V, 4) of `irradiance`


class Paint(NamedTuple):
    """Colours of one person in one picture."""

    skin: F32  # (H, W, 7): albedo, specular, roughness, height per u, height per v
    parts: U8  # (H, W) of Part
    eyes: F32  # (2, 5, 3): centre, gaze axis, up, side, (sphere radius, iris radius, 0); right, left
    iris: F32  # (3,)
    sclera: F32  # (3,)
    waves: F32  # (n, 3)
    teeth: F32  # (3,)
    cloth: F32  # (3,)
    weave: F32  # (3,): waves per unit across, along, contrast
    frame: F32  # (3,)
    hat: F32  # (3,)
    head: F32  # (3, 4) pose of the head
    torso: F32  # (3, 4) pose of the torso
    mouth: F32  # (4,): lip centre in head space, area of the opening


class Finish(NamedTuple):
    """What the rich world adds to the colours and the light of one picture."""

    tile: F32  # (T, T, 4) of `grain_tile`
    repeats: F32  # (2,) of `tile_repeats`
    pores: float  # 0..1
    fabrics: F32  # (3, FABRIC_COLUMNS): cloth, outer cloth, hat
    metal: F32  # (3,) linear RGB
    footprint: float  # interocular units from one sub-sample to the next
    sharp: F32  # (S, S, 3) of `light_probe`
    soft: F32  # (S, S, 3)


class Layers(NamedTuple):
    """Buffers that shading fills, all (H, W, ...) at sub-sample resolution."""

    irradiance: F32  # (H, W, 3)
    albedo: F32  # (H, W, 3)
    color: F32  # (H, W, 3) specular first, then the whole
    skin: F32  # (H, W) 1 where light scatters below the surface
    parts: U8  # (H, W)
    normals: F32  # (H, W, 3)
