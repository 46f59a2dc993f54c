"""What a person wears in a picture, kept per person: glasses, hats, and the hair as it lies under a hat."""

from __future__ import annotations

from train.data.face_world.hats import press_under_hat
from train.data.face_world.prepare import Prepared
from train.data.face_world.props import Prop, glasses, hat
from train.data.face_world.types import Attributes, Strands


def worn_props(prepared: Prepared, attributes: Attributes) -> list[Prop]:
    """Glasses and hat of a picture, in head space.

    Args:
        prepared: the person.
        attributes: glasses and hat are read; "none" is nothing.

    Raises:
        InputError: no such glasses or hat.
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
    return out


def worn_hair(prepared: Prepared, attributes: Attributes) -> Strands | None:
    """The person's hair, pressed down where a hat covers it; None when bald."""
    if prepared.hair is None or attributes.hat == "none":
        return prepared.hair
    kept = prepared.pressed
    if attributes.hat not in kept:
        kept[attributes.hat] = press_under_hat(attributes.hat, prepared.head, prepared.neutral, prepared.hair)
    return kept[attributes.hat]
