"""Hair styles: what sets one apart from another, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from facesdk.errors import InputError


class Comb(IntEnum):
    """The field that hair is combed along."""

    NONE = 0
    PART = 1  # to both sides of a parting
    BACK = 2
    FORWARD = 3  # towards the forehead on top, down at the sides
    CROWN = 4  # from the whorl outwards
    LONG = 5  # parted on top, falling from the crown behind
    LONG_BANGS = 6
    KNOT = 7  # up to a knot
    CREST = 8  # up to the middle line


@dataclass(frozen=True)
class HairStyle:
    """One cut; lengths in interocular units.

    Attributes:
        length: of a strand on top.
        length_gain: what hair.length = 1 adds.
        points: control points of a strand.
        layer: thickness of the hair over the skull; layer_gain is what hair.length = 1 adds.
        comb: field that strands follow.
        follow: 0..1, how closely, near the skull.
        gravity: pull per step.
        stand: how far strands leave the skin along its normal at first.
        outward: push away from the skull per step.
        inertia: share of its direction that a strand keeps per step.
        clump: 0..1, pull of children to their guide.
        wave: amplitude of curls; turns: full turns along a strand; turns_gain: what hair.curl = 1 adds.
        side_cut: how much shorter the sides are at hair.fade = 1, 0..1.
        density: share of the strands that are grown.
        width: of a strand at 14,000 strands.
        brow_clearance: strands end this far over the brows in front of the face.
        end_y: strands end below this height; end_gain: what hair.length = 1 adds.
    """

    length: float
    points: int = 12
    length_gain: float = 0.0
    layer: float = 0.22
    layer_gain: float = 0.0
    comb: Comb = Comb.NONE
    follow: float = 0.45
    gravity: float = 0.0
    stand: float = 1.0
    outward: float = 0.0
    inertia: float = 1.0
    clump: float = 0.42
    wave: float = 0.0
    turns: float = 2.0
    turns_gain: float = 0.0
    side_cut: float = 0.0
    density: float = 1.0
    width: float = 0.012
    brow_clearance: float = 0.35
    end_y: float = -9.0
    end_gain: float = 0.0


TRAIN_STYLES = (
    "buzz", "crew", "side part", "swept back", "curly", "afro", "fringe", "bob", "long", "long wavy", "bald",
    "receding",
)  # fmt: skip
TEST_ONLY_STYLES = ("mohawk", "top bun", "curtain")

STYLES: dict[str, HairStyle | None] = {
    "bald": None,
    "buzz": HairStyle(
        length=0.072, points=4, layer=0.056, comb=Comb.CROWN, follow=0.3, clump=0.0, side_cut=0.75, density=1.1,
        width=0.0088,
    ),
    "crew": HairStyle(
        length=0.26, length_gain=0.19, points=6, layer=0.14, layer_gain=0.10, comb=Comb.FORWARD, follow=0.25,
        gravity=0.02, clump=0.2, side_cut=0.8, width=0.0096,
    ),
    "side part": HairStyle(
        length=0.96, length_gain=0.48, layer=0.24, comb=Comb.PART, follow=0.5, gravity=0.10, side_cut=0.8
    ),
    "swept back": HairStyle(
        length=1.28, length_gain=0.64, layer=0.22, comb=Comb.BACK, follow=0.55, gravity=0.14, side_cut=0.8
    ),
    "curly": HairStyle(
        length=0.96, length_gain=0.64, layer=0.35, comb=Comb.CROWN, follow=0.1, gravity=0.16, outward=0.12, inertia=0.8,
        clump=0.55, wave=0.085, turns=2.2, turns_gain=2.0, side_cut=0.6,
    ),
    "afro": HairStyle(
        length=0.60, length_gain=0.70, layer=0.48, follow=0.0, outward=0.3, inertia=0.9, clump=0.1, wave=0.06,
        turns=3.2, turns_gain=1.0, side_cut=0.25, density=0.9, width=0.0115,
    ),
    "fringe": HairStyle(
        length=1.12, length_gain=0.48, layer=0.21, comb=Comb.CROWN, follow=0.5, gravity=0.25, stand=0.5, side_cut=0.75,
        brow_clearance=0.16,
    ),
    "bob": HairStyle(
        length=2.7, layer=0.24, comb=Comb.LONG, gravity=0.30, stand=0.5, brow_clearance=0.16, end_y=-1.36
    ),
    "long": HairStyle(
        length=4.8, points=14, layer=0.21, comb=Comb.LONG, gravity=0.30, stand=0.5, end_y=-2.63, end_gain=-0.64
    ),
    "long wavy": HairStyle(
        length=4.8, points=16, layer=0.27, comb=Comb.LONG, gravity=0.30, stand=0.5, clump=0.5, wave=0.085, turns=2.2,
        turns_gain=1.5, end_y=-2.63, end_gain=-0.64,
    ),
    "receding": HairStyle(
        length=0.35, points=6, layer=0.11, comb=Comb.BACK, follow=0.5, gravity=0.10, clump=0.3, density=0.8,
        side_cut=0.3,
    ),
    "mohawk": HairStyle(
        length=0.75, length_gain=0.5, layer=0.05, comb=Comb.CREST, follow=0.2, outward=0.25, clump=0.5, density=0.8
    ),
    "top bun": HairStyle(length=1.9, layer=0.10, comb=Comb.KNOT, follow=0.9, stand=0.15, clump=0.3),
    "curtain": HairStyle(
        length=1.5, length_gain=0.5, layer=0.26, comb=Comb.PART, follow=0.35, gravity=0.22, stand=0.9, side_cut=0.5,
        brow_clearance=0.05, end_y=-1.0,
    ),
}  # fmt: skip


def hair_style(name: str) -> HairStyle | None:
    """The numbers of a style, None for "bald".

    Raises:
        InputError: no such style.
    """
    if name not in STYLES:
        raise InputError(f"no hair style {name!r}", f"Choose one of {', '.join(STYLES)}.")
    return STYLES[name]
