"""The exact parameters as fixed-length vectors, the truth that training regresses; the same for every head model."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.data.face_world.expression import EXPRESSION_NAMES, to_vector
from train.data.face_world.head import get_head
from train.data.face_world.prepare import Prepared
from train.data.face_world.types import F32, Attributes, Identity

LANDMARK_SCALE = 20.0  # interocular units to about unit spread within and between head models
EYE_COLORS = ("brown", "dark brown", "hazel", "green", "blue", "gray")
BROW_COLORS = ("black", "dark brown", "brown", "light brown", "blond", "platinum", "red")
BEARDS = ("none", "stubble", "mustache", "goatee", "full beard")

_SCALARS = (
    "tone",
    "redness",
    "yellowness",
    "lip_0",
    "lip_1",
    "lip_2",
    "lip_saturation",
    "freckles",
    "moles",
    "age",
    "brow_thickness",
    "brow_arch",
    "brow_density",
    "brow_height",
    "beard_length",
    "iris_radius",
    "lid",
    "masculinity",
    "lipstick",
    "eye_shadow",
    "asymmetry",
)
IDENTITY_FIELDS: tuple[str, ...] = (
    *(f"landmark_{i}_{axis}" for i in range(68) for axis in "xyz"),
    *_SCALARS,
    *(f"eye_color={c}" for c in EYE_COLORS),
    *(f"brow_color={c}" for c in BROW_COLORS),
    *(f"beard={b}" for b in BEARDS),
)

_LIGHT = (
    *(f"key_direction_{a}" for a in "xyz"),
    *(f"key_color_{c}" for c in "rgb"),
    "key_intensity",
    "key_softness",
    *(f"sky_{c}" for c in "rgb"),
    *(f"ground_{c}" for c in "rgb"),
    "fill",
    *(f"rim_direction_{a}" for a in "xyz"),
    *(f"rim_color_{c}" for c in "rgb"),
    "rim_intensity",
)
ATTRIBUTE_FIELDS: tuple[str, ...] = (
    "yaw",
    "pitch",
    "roll",
    *(f"expression_{name}" for name in EXPRESSION_NAMES),
    "gaze_x",
    "gaze_y",
    *_LIGHT,
    "exposure",
)


@cache
def mean_landmarks() -> F32:
    """(68, 3) float32 landmarks of the own head's mean, interocular units: the zero of every identity vector."""
    mesh = get_head("own").mesh
    return mesh.vertices[mesh.landmarks]


def neutral_landmarks(prepared: Prepared) -> F32:
    """(68, 3) float32 landmarks of a prepared person's neutral head, interocular units."""
    return prepared.neutral[prepared.head.mesh.landmarks]


def identity_vector(identity: Identity, landmarks: NDArray[np.floating]) -> F32:
    """A person's shape and looks; the hair on the scalp is not in it.

    Args:
        identity: the person.
        landmarks: (68, 3) landmarks of the person's neutral head, interocular units.

    Returns:
        (K,) float32, about unit scale, ordered as IDENTITY_FIELDS.

    Raises:
        InputError: the landmarks have another shape.
    """
    if landmarks.shape != (68, 3):
        raise InputError(f"identity_vector: (68, 3) neutral landmarks expected, got {landmarks.shape}.")
    i = identity
    scalars = [
        4 * i.tone - 2,
        4 * i.redness - 2.4,
        1.7 * i.yellowness,
        *(4 * v - 2 for v in i.lip),
        4 * i.lip_saturation - 2.6,
        2 * i.freckles,
        0.8 * (i.moles - 1.2),
        4 * i.age - 1.8,
        6 * (i.brow_thickness - 1.1),
        3 * i.brow_arch - 0.9,
        8 * i.brow_density - 6.4,
        1.7 * i.brow_height,
        4 * i.beard_length - 2 if i.beard not in ("none", "stubble") else 0.0,
        280 * (i.iris_radius - 0.096),
        17 * (i.lid - 0.14),
        i.masculinity,
        2 * i.lipstick,
        2 * i.eye_shadow,
        10 * i.asymmetry - 1.75,
    ]
    shape = (np.asarray(landmarks, np.float32) - mean_landmarks()).reshape(-1) * LANDMARK_SCALE
    one_hot = [*_one_hot(i.eye_color, EYE_COLORS), *_one_hot(i.brow_color, BROW_COLORS), *_one_hot(i.beard, BEARDS)]
    return np.concatenate([shape, scalars, one_hot]).astype(np.float32)


def attribute_vector(attributes: Attributes) -> F32:
    """What a swap keeps of the target, apart from its background and clothes.

    Returns:
        (A,) float32 ordered as ATTRIBUTE_FIELDS: angles in units of 30 degrees, expression 0..1, gaze -1..1, light.

    Raises:
        InputError: an expression weight has an unknown name or is out of range.
    """
    a, light = attributes, attributes.light
    return np.array(
        [
            a.yaw_degrees / 30,
            a.pitch_degrees / 30,
            a.roll_degrees / 30,
            *to_vector(a.expression),
            *a.gaze,
            *light.key_direction,
            *light.key_color,
            light.key_intensity,
            light.key_softness,
            *light.sky,
            *light.ground,
            light.fill,
            *light.rim_direction,
            *light.rim_color,
            light.rim_intensity,
            a.exposure,
        ],
        np.float32,
    )


def _one_hot(value: str, names: tuple[str, ...]) -> list[float]:
    if value not in names:
        raise InputError(f"{value!r} has no place in the identity vector, expected one of {', '.join(names)}.")
    return [float(value == name) for name in names]
