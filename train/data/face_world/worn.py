"""What a person wears in a picture, kept per person: clothes, glasses, hats, and the hair as it lies under a hat."""

from __future__ import annotations

import numpy as np

from train.data.face_world.earrings import build_earrings
from train.data.face_world.garments import bared_vertices, build_garment, covered_parts, shirt_vertices
from train.data.face_world.hats import press_under_hat
from train.data.face_world.prepare import HEAD_CENTRE, Prepared
from train.data.face_world.props import Prop, glasses, hat
from train.data.face_world.types import U8, Attributes, Strands
from train.data.face_world.visibility import shaded_sky

_PROP_OPENNESS = 215  # of 255: how much sky glasses and hats see
_HAT_BIAS = 0.05  # a hat shades what lies so far under it


def worn_props(prepared: Prepared, attributes: Attributes) -> list[Prop]:
    """Glasses, hat and earrings of a picture, in head space.

    Args:
        prepared: the person.
        attributes: glasses, hat and extras are read; "none" is nothing.

    Raises:
        InputError: no such glasses, hat or earrings.
    """
    kept = prepared.worn
    out = []
    for family, kind in (("glasses", attributes.glasses), ("hat", attributes.hat)):
        if kind == "none":
            continue
        if (family, kind) not in kept:
            build = glasses if family == "glasses" else hat
            kept[family, kind] = build(kind, prepared.head, prepared.neutral)
        out.append(kept[family, kind])
    extras = attributes.extras
    if extras is not None and extras.earring != "none":
        out.append(build_earrings(extras.earring, extras.earring_size, prepared.head, prepared.neutral))
    return out


def worn_clothes(prepared: Prepared, attributes: Attributes) -> Prop:
    """What covers the shoulders, in the torso's space.

    Raises:
        InputError: no such garment.
    """
    if attributes.extras is None:
        return prepared.torso
    kind, kept = attributes.extras.garment, prepared.worn
    if ("garment", kind) not in kept:
        kept["garment", kind] = build_garment(kind, prepared.head, prepared.neutral)
    return kept["garment", kind]


def shown_parts(prepared: Prepared, attributes: Attributes) -> U8:
    """Parts over the atlas, (H, W) uint8 of Part: how much of the neck the clothes leave bare."""
    if attributes.extras is None:
        return prepared.atlas.part_map
    return covered_parts(attributes.extras.garment, prepared.atlas)


def open_sky(prepared: Prepared, attributes: Attributes, count: int) -> U8:
    """What each vertex of a picture sees of the sky.

    Args:
        prepared: the person.
        attributes: hat and extras are read.
        count: vertices of head, clothes and props, in this order.

    Returns:
        (count, DIRECTION_COUNT) uint8.
    """
    out = np.full((count, prepared.sky.shape[1]), _PROP_OPENNESS, np.uint8)
    if attributes.extras is None:
        out[: len(prepared.sky)] = prepared.sky
        return out
    own = len(prepared.neutral)
    shirt = shirt_vertices(attributes.extras.garment, prepared.head)
    out[:own] = prepared.sky[:own] if attributes.hat == "none" else _under_hat(prepared, attributes)
    bare, outside = bared_vertices(prepared.head)
    out[bare] = prepared.sky[own:][outside]
    out[own : own + len(shirt)] = prepared.sky[own:][shirt]
    return out


def _under_hat(prepared: Prepared, attributes: Attributes) -> U8:
    """Sky of the head's vertices under a hat: the soft shadow of its brim."""
    kept, own = prepared.shaded, len(prepared.neutral)
    if attributes.hat not in kept:
        worn = prepared.worn["hat", attributes.hat]
        kept[attributes.hat] = shaded_sky(
            prepared.neutral, prepared.sky[:own], worn.vertices, worn.triangles, HEAD_CENTRE, _HAT_BIAS
        )
    return kept[attributes.hat]


def worn_hair(prepared: Prepared, attributes: Attributes) -> Strands | None:
    """The person's hair, pressed down where a hat covers it; None when bald."""
    if prepared.hair is None or attributes.hat == "none":
        return prepared.hair
    kept = prepared.pressed
    if attributes.hat not in kept:
        kept[attributes.hat] = press_under_hat(attributes.hat, prepared.head, prepared.neutral, prepared.hair)
    return kept[attributes.hat]
