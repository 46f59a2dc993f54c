"""The people that the face world's tests change one thing at a time of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from train.data.face_world.hair import grow_hair
from train.data.face_world.head import get_head
from train.data.face_world.raster import vertex_normals
from train.data.face_world.types import F32, Hair, HeadModel, HeadName, Identity, Strands

ATLAS_HW = (128, 256)
"""Size of the atlas in which a skin is looked at."""


def plain_identity(head: HeadModel, seed: int, **changes: Any) -> Identity:
    """A bald person of the mean shape with plain skin.

    Args:
        head: whose mean shape.
        seed: of the person.
        changes: fields of `Identity` that differ.
    """
    plain = Identity(
        seed=seed,
        head=head.name,
        shape=np.zeros(head.n_shape, np.float32),
        tone=0.3,
        redness=0.5,
        yellowness=0.0,
        lip=(0.5, 0.5, 0.5),
        lip_saturation=0.5,
        freckles=0.0,
        moles=0,
        age=0.3,
        brow_thickness=1.0,
        brow_arch=0.0,
        brow_density=1.0,
        brow_height=0.0,
        brow_color="brown",
        beard="none",
        beard_length=0.0,
        eye_color="brown",
        iris_radius=0.095,
        lid=0.1,
        masculinity=0.0,
        lipstick=0.0,
        eye_shadow=0.0,
        asymmetry=0.0,
        hair=Hair("bald", "brown", 0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0),
    )
    return replace(plain, **changes)


def person(head: HeadName = "own", **changes: Any) -> Identity:
    """A young person with short hair, brows and lips in colour.

    Args:
        head: the head model.
        changes: fields of `Identity` that differ.
    """
    one = plain_identity(
        get_head(head),
        7,
        lip_saturation=0.8,
        age=0.2,
        brow_arch=0.3,
        brow_density=0.9,
        beard_length=0.5,
        masculinity=-0.5,
        hair=Hair("crew", "brown", 0.5, 0.9, 0.3, 0.3, 0.0, 0.0, 0.5, 7),
    )
    return replace(one, **changes)


def with_hair(one: Identity, **changes: Any) -> Identity:
    """The same person with fields of `Hair` that differ."""
    return replace(one, hair=replace(one.hair, **changes))


def grown(one: Identity, count: int = 800, vertices: F32 | None = None) -> Strands:
    """The hair of a person.

    Args:
        one: whose.
        count: strands.
        vertices: the head's in rest; by default those of the person.
    """
    head = get_head(one.head)
    neutral = head.neutral(one) if vertices is None else vertices
    strands = grow_hair(one, head, neutral, vertex_normals(neutral, head.mesh.triangles), count)
    assert strands is not None
    return strands
