"""What of a person is the same in every picture, computed once and kept: skin, hair, eyes, and what sees the sky."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Literal

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.atlas import Atlas, build_atlas
from train.data.face_world.eyes import EyePaint, eye_paint, fit_sphere
from train.data.face_world.facial_hair import grow_beard, grow_brows, grow_lashes
from train.data.face_world.hair import grow_hair
from train.data.face_world.head import get_head
from train.data.face_world.props import Prop, torso
from train.data.face_world.raster import vertex_normals
from train.data.face_world.skin import compose_skin
from train.data.face_world.skin_texture import texture_skin
from train.data.face_world.types import F32, I32, U8, HeadModel, HeadName, Identity, Material, Strands
from train.data.face_world.visibility import SKY_LIFT, decimate, sky_visibility

Quality = Literal["train", "full"]
ATLAS_SIZE_HW: dict[str, tuple[int, int]] = {"train": (256, 512), "full": (512, 1024)}
HEAD_CENTRE = np.array([0.0, -0.34, -1.12], np.float32)  # middle of head and neck: of the light's height maps
SKULL_CENTRE = np.array([0.0, 0.145, -1.12], np.float32)  # strands' outward direction starts here
STRAND_SKY_STEP = (3, 2)  # strands and control points per sample of the sky
STRAND_HAIR_BIAS = 0.008
SKIN_HAIR_BIAS = 0.008
KEPT_PEOPLE = 24
_OCCLUDER_CELL = 0.1


@dataclass(frozen=True)
class HeadTopology:
    """What of a head model the renderer derives once.

    Attributes:
        occluder: (T', 3) int32, the skin with few triangles.
        caster: (T'', 3) int32, the triangles that cast the key light's shadow.
        socket: (T,) uint8, 1 = inside of an eye socket.
    """

    occluder: I32
    caster: I32
    socket: U8


@dataclass(frozen=True)
class Prepared:
    """A person ready to be rendered.

    Attributes:
        head: the head model.
        topology: of the head.
        neutral: (V, 3) neutral vertices, head space.
        atlas: of the head model.
        skin: (H, W, 7) albedo, specular, roughness, height per u, height per v.
        hair: strands on the scalp, or None.
        facial_hair: brows, lashes and beard.
        eye_centres: (2, 3) right, left.
        eye_radii: right, left.
        eyes: colours of iris and sclera.
        torso: clothes, in the torso's space.
        sky: (V + torso vertices, K) uint8 visibility of the sky directions.
        hair_sky: (A * B, K) uint8 of every third strand's every second point; or (0, K).
        hair_sky_shape: A, B.
        worn: glasses, hats and garments made so far, by family and kind; filled by `worn`.
        pressed: hair under each hat so far; filled by `worn`.
        shaded: sky of the head's vertices under each hat so far; filled by `worn`.
    """

    head: HeadModel
    topology: HeadTopology
    neutral: F32
    atlas: Atlas
    skin: F32
    hair: Strands | None
    facial_hair: tuple[Strands, ...]
    eye_centres: F32
    eye_radii: tuple[float, float]
    eyes: EyePaint
    torso: Prop
    sky: U8
    hair_sky: U8
    hair_sky_shape: tuple[int, int]
    worn: dict[tuple[str, str], Prop] = field(default_factory=dict)
    pressed: dict[str, Strands] = field(default_factory=dict)
    shaded: dict[str, U8] = field(default_factory=dict)


_people: OrderedDict[tuple[object, ...], Prepared] = OrderedDict()


def identity_key(identity: Identity) -> tuple[object, ...]:
    """Hashable content of an identity, hair included."""
    values = (getattr(identity, entry.name) for entry in fields(identity))
    return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)


def clear_cache() -> None:
    """Forgets all prepared people."""
    _people.clear()


def prepare(identity: Identity, quality: Quality = "train", hair_strands: int = 5000) -> Prepared:
    """Computes, or takes from the cache, what of a person is the same in every picture.

    Args:
        identity: the person; equal content is the same entry.
        quality: size of the skin atlas.
        hair_strands: strands on the scalp.

    Raises:
        InputError: unknown quality, no strands, or an unknown name in the identity.
    """
    if quality not in ATLAS_SIZE_HW:
        raise InputError(f"quality {quality!r} is not known, expected one of {', '.join(ATLAS_SIZE_HW)}.")
    if hair_strands < 1:
        raise InputError(f"hair_strands must be 1 or more, got {hair_strands}.", "Choose the style 'bald' for no hair.")
    key = (quality, hair_strands, *identity_key(identity))
    found = _people.get(key)
    if found is None:
        found = _compute(identity, quality, hair_strands)
        _people[key] = found
        if len(_people) > KEPT_PEOPLE:
            _people.popitem(last=False)
    else:
        _people.move_to_end(key)
    return found


@cache
def head_topology(name: HeadName) -> HeadTopology:
    """Occluders and sockets of a head model."""
    mesh = get_head(name).mesh
    skin = mesh.material == Material.SKIN
    centre = mesh.vertices[mesh.triangles].mean(1)
    socket = (mesh.material == Material.MOUTH) & (centre[:, 1] > -0.5)
    caster = np.ascontiguousarray(mesh.triangles[skin])
    return HeadTopology(decimate(mesh.vertices, caster, _OCCLUDER_CELL), caster, socket.astype(np.uint8))


def _compute(identity: Identity, quality: Quality, hair_strands: int) -> Prepared:
    head = get_head(identity.head)
    mesh, topology = head.mesh, head_topology(identity.head)
    atlas = build_atlas(head, ATLAS_SIZE_HW[quality])
    neutral = np.ascontiguousarray(head.neutral(identity), np.float32)
    normals = vertex_normals(neutral, mesh.triangles)
    grown = grow_hair(identity, head, neutral, normals, hair_strands)
    hair = None if grown is None else _contiguous(grown)
    beard = grow_beard(identity, head, atlas)
    facial = [grow_brows(identity, head, atlas), *([] if beard is None else [beard]), grow_lashes(identity, head)]
    spheres = [fit_sphere(neutral[start:stop]) for start, stop in mesh.eyes]
    clothes = torso(head, neutral)

    offset = len(neutral)
    vertices = np.concatenate([neutral, clothes.vertices]).astype(np.float32)
    occluder = np.concatenate([topology.occluder, clothes.triangles + offset]).astype(np.int32)
    lifted = vertices + SKY_LIFT * np.concatenate([normals, vertex_normals(clothes.vertices, clothes.triangles)])
    samples = np.zeros((0, 0, 3), np.float32)
    points = alive = None
    if hair is not None and hair.points is not None:
        samples = np.ascontiguousarray(hair.points[:: STRAND_SKY_STEP[0], :: STRAND_SKY_STEP[1]])
        points, alive = hair.points[: hair.body], hair.alive[: hair.body]
    sky, hair_sky = sky_visibility(
        [(lifted, SKIN_HAIR_BIAS), (samples.reshape(-1, 3), STRAND_HAIR_BIAS)],
        vertices, occluder, points, alive, HEAD_CENTRE,
    )  # fmt: skip
    skin = compose_skin(identity, atlas)
    texture_skin(skin, identity, atlas)
    return Prepared(
        head=head,
        topology=topology,
        neutral=neutral,
        atlas=atlas,
        skin=_with_slopes(skin),
        hair=hair,
        facial_hair=tuple(_contiguous(strands) for strands in facial),
        eye_centres=np.stack([centre for centre, _ in spheres]),
        eye_radii=(spheres[0][1], spheres[1][1]),
        eyes=eye_paint(identity),
        torso=clothes,
        sky=sky,
        hair_sky=hair_sky,
        hair_sky_shape=samples.shape[:2],
    )


def _contiguous(strands: Strands) -> Strands:
    """The same strands with arrays as the compiled kernels take them."""
    arrays = {
        entry.name: np.ascontiguousarray(value)
        for entry in fields(strands)
        if isinstance(value := getattr(strands, entry.name), np.ndarray)
    }
    return replace(strands, **arrays)


def _with_slopes(skin: F32) -> F32:
    """(H, W, 6) of `compose_skin` to (H, W, 7): the height gives way to its slopes per u and v."""
    rows, columns = skin.shape[:2]
    height = skin[..., 5]
    out = np.empty((rows, columns, 7), np.float32)
    out[..., :5] = skin[..., :5]
    out[:, 1:-1, 5] = (height[:, 2:] - height[:, :-2]) * np.float32(columns / 2)
    out[:, [0, -1], 5] = 0.0
    out[1:-1, :, 6] = (height[:-2] - height[2:]) * np.float32(rows / 2)
    out[[0, -1], :, 6] = 0.0
    return out
