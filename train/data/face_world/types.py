"""Value types of the face world.

Frame (all geometry): origin midway between the two eyeball centres of the mean head; +x to the picture's right when
the face looks at the camera (the subject's left), +y up, +z towards the viewer. Unit: the interocular distance (between
the eyeball centres of the mean head). Artists' canon in these units: brow line y = +0.4, nose base -0.6, chin -1.6,
hairline +1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from train.data.face_world.rich_types import Extras, HairEdge, SkinTexture

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

HeadName = Literal["own", "facekit"]
Richness = Literal["plain", "rich"]
Split = Literal["train", "validation", "test"]


class Material(IntEnum):
    """What a triangle is made of."""

    SKIN = 0  # textured from the atlas: face, ears, scalp, neck, shoulders
    MOUTH = 1  # gums, tongue, inside of the mouth and eye sockets
    TEETH = 2
    EYE_RIGHT = 3  # the eyeball at negative x (the subject's right)
    EYE_LEFT = 4
    CLOTH = 5
    FRAME = 6  # glasses
    HAT = 7
    CLOTH_OUTER = 8  # jackets, drawstrings, buttons
    METAL = 9  # earrings


class Part(IntEnum):
    """Segmentation classes."""

    BACKGROUND = 0
    SKIN = 1
    NECK = 2
    EAR = 3
    UPPER_LIP = 4
    LOWER_LIP = 5
    BROW = 6
    EYE = 7
    IRIS = 8
    MOUTH = 9
    TEETH = 10
    HAIR = 11
    BEARD = 12
    LASH = 13
    GLASSES = 14
    CLOTH = 15
    HAT = 16
    OCCLUDER = 17  # hands, bars, earrings: what is in front of the person and no part of them


@dataclass(frozen=True)
class HeadMesh:
    """A head model's constant part: mean vertices and topology.

    Attributes:
        vertices: (V, 3) float32, mean neutral head, interocular units.
        triangles: (T, 3) int32 into vertices.
        uv: (U, 2) float32 in [0, 1]^2, atlas coordinates, v = 0 at the bottom row.
        uv_triangles: (T, 3) int32 into uv.
        material: (T,) uint8 of Material.
        landmarks: (68,) int32 vertex indices, iBUG order (0 = jaw at negative x).
        head_weight: (V,) float32 in [0, 1]; 1 follows the head's pose, 0 the torso's.
        eyes: vertex ranges [start, stop) of the right (negative x) and left eyeball.
        lid_rows: four int32 arrays of vertex indices along the lid margins, inner to outer corner: right upper, right
            lower, left upper, left lower; lashes grow from them.
    """

    vertices: F32
    triangles: I32
    uv: F32
    uv_triangles: I32
    material: U8
    landmarks: I32
    head_weight: F32
    eyes: tuple[tuple[int, int], tuple[int, int]]
    lid_rows: tuple[I32, I32, I32, I32]


@dataclass(frozen=True)
class Hair:
    """What of a person is hair on the scalp: a swap keeps the target's."""

    style: str
    color: str
    length: float  # 0..1
    volume: float  # 0.5..1.3
    curl: float  # 0..1
    part: float  # -1..1, left to right
    hairline: float  # -1 low .. 1 high
    grey: float  # 0..1, share of grey strands
    fade: float  # 0..1, how short the sides are
    seed: int
    edge: HairEdge | None = None  # of the rich world


@dataclass(frozen=True)
class Identity:
    """One person who does not exist; all that stays the same from picture to picture but the hair on the scalp."""

    seed: int
    head: HeadName
    shape: F32  # (n_shape,) of the head model, about N(0, 1)
    tone: float  # 0 light .. 1 dark
    redness: float  # 0..1
    yellowness: float  # -1..1
    lip: tuple[float, float, float]
    lip_saturation: float
    freckles: float
    moles: int
    age: float  # 0..1
    brow_thickness: float
    brow_arch: float
    brow_density: float
    brow_height: float
    brow_color: str
    beard: str
    beard_length: float
    eye_color: str
    iris_radius: float  # interocular units, about 0.095
    lid: float  # resting lid drop, 0.04..0.24
    masculinity: float  # shape axis; only makes beard and hair plausible
    lipstick: float
    eye_shadow: float
    asymmetry: float
    hair: Hair
    texture: SkinTexture | None = None  # of the rich world


@dataclass(frozen=True)
class Light:
    """Key light, sky, ground and rim, linear RGB."""

    key_direction: tuple[float, float, float] = (-0.5, 0.5, 0.75)
    key_color: tuple[float, float, float] = (1.0, 0.96, 0.9)
    key_intensity: float = 1.9
    key_softness: float = 0.5
    sky: tuple[float, float, float] = (0.55, 0.6, 0.7)
    ground: tuple[float, float, float] = (0.28, 0.25, 0.22)
    fill: float = 0.75
    rim_direction: tuple[float, float, float] = (0.8, 0.3, -0.6)
    rim_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    rim_intensity: float = 0.6


@dataclass(frozen=True)
class Attributes:
    """Everything of a picture that is not the person: a swap keeps the target's."""

    yaw_degrees: float = 0.0  # + turns the nose to the picture's right
    pitch_degrees: float = 0.0  # + looks down
    roll_degrees: float = 0.0  # + turns counter-clockwise in the picture
    shift: tuple[float, float] = (0.0, 0.0)  # fraction of the frame, right and down
    zoom: float = 1.0
    expression: Mapping[str, float] = field(default_factory=dict)  # ARKit names (jawOpen, mouthSmileLeft, ...), 0..1
    gaze: tuple[float, float] = (0.0, 0.0)  # -1..1, picture right and up
    light: Light = field(default_factory=Light)
    background: str = "studio"
    background_seed: int = 0
    glasses: str = "none"  # none, round, rectangular, aviator
    frame_color: int = 0
    hat: str = "none"  # none, cap, beanie, brim; in the rich world also bucket hat
    cloth: tuple[float, float, float] = (0.2, 0.25, 0.35)
    cloth_seed: int = 0
    exposure: float = 1.0
    extras: Extras | None = None  # of the rich world


class HeadModel(Protocol):
    """A parametric head: the own head and FaceKit stand behind it."""

    name: HeadName
    n_shape: int
    mesh: HeadMesh

    def neutral(self, identity: Identity) -> F32:
        """Neutral head of a person, (V, 3) float32."""
        ...

    def deform(self, identity: Identity, expression: Mapping[str, float]) -> F32:
        """The head with an expression (ARKit names, 0..1), before pose; eyeballs not rotated. (V, 3) float32."""
        ...


@dataclass(frozen=True)
class Strands:
    """Hair as polylines anchored in head space.

    Attributes:
        points: (N, S, 3) float32 head space, or None when the strands follow the skin by anchors.
        triangle: (N, S) int32 triangle of each control point, or None.
        barycentric: (N, S, 3) float32, or None.
        lift: (N, S) float32, distance from the skin along its normal, or None.
        color: (N, S, 3) float32 linear RGB.
        width: (N, S) float32, interocular units.
        alive: (N, S) float32, 0 where a strand has ended.
        occlusion: (N, S) float32 in [0, 1], baked darkening at the root.
        part: Part that the strands belong to (HAIR, BROW, LASH, BEARD).
        body: the first so many strands shade what is under them, None = all; the others are too few and fine.
    """

    points: F32 | None
    triangle: I32 | None
    barycentric: F32 | None
    lift: F32 | None
    color: F32
    width: F32
    alive: F32
    occlusion: F32
    part: Part
    body: int | None = None


@dataclass(frozen=True)
class Picture:
    """A rendered picture with its truth. H = W = size.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB.
        alpha: (H, W) float32 in [0, 1], person over background.
        parts: (H, W) uint8 of Part, majority of the sub-samples.
        landmarks: (68, 2) float32 pixels, x right, y down, pixel centres at +0.5.
        landmarks_3d: (68, 3) float32 camera space, interocular units.
        visible: (68,) bool.
        depth: (H, W) float32 interocular units from the camera, 0 = background.
        normals: (H, W, 3) float32 camera space unit vectors, 0 = background.
        crop: (2, 3) float32, matrix from the untransformed frame to this picture (identity unless aligned).
    """

    rgb: U8
    alpha: F32
    parts: U8
    landmarks: F32
    landmarks_3d: F32
    visible: NDArray[np.bool_]
    depth: F32
    normals: F32
    crop: F32
