"""The person that the face world's tests change one thing at a time of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from train.data.face_world.types import Hair, HeadModel, Identity


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
