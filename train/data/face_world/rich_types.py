"""What the rich world adds to a person and to a picture; the plain world has none of it.

Texture belongs to the person, edges to the hair, and everything else to the setting: in a swap group it is shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Garment = Literal["crew", "tee", "v-neck", "turtleneck", "hoodie", "collared", "jacket"]
Pattern = Literal["plain", "stripes", "plaid", "knit", "denim", "heather", "dots", "panels"]
Earring = Literal["none", "stud", "hoop", "drop"]
Place = Literal["room", "office", "studio", "sun", "overcast", "trees"]

GARMENTS: tuple[Garment, ...] = get_args(Garment)
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
EARRINGS: tuple[Earring, ...] = get_args(Earring)
PLACES: tuple[Place, ...] = get_args(Place)

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class SkinTexture:
    """Skin of one person at the scales between a freckle and a cheek.

    Attributes:
        seed: where the marks are.
        mottling: 0..1, uneven blood and pigment.
        pores: 0..1, relief of the pores.
        shine: 0..1, how broken highlights are.
        lines: 0..1, fine lines, by age.
        marks: 0..1, density of small moles.
        blemishes: 0..1, density of spots.
    """

    seed: int
    mottling: float
    pores: float
    shine: float
    lines: float
    marks: float
    blemishes: float


@dataclass(frozen=True)
class HairEdge:
    """Hair in finer strands, and where it ends.

    Attributes:
        softness: 0..1, how thin it is at the hairline and at the tips.
        flyaways: 0..1, strands that stand off.
        baby_hair: 0..1, fine short hair before the hairline.
    """

    softness: float
    flyaways: float
    baby_hair: float


@dataclass(frozen=True)
class Fabric:
    """What cloth is made of.

    Attributes:
        pattern: kind of pattern.
        color: sRGB.
        second: sRGB of the pattern.
        scale: size of the pattern, 1 = usual.
        turn: radians that the pattern is turned by.
        folds: 0..1, depth of the folds.
        gloss: 0..1, from wool to satin.
    """

    pattern: Pattern
    color: Rgb
    second: Rgb
    scale: float
    turn: float
    folds: float
    gloss: float


@dataclass(frozen=True)
class Surroundings:
    """A place whose light comes from all sides; the key light of the picture stands in it."""

    place: Place
    seed: int


@dataclass(frozen=True)
class Lens:
    """What a camera does to a picture.

    Attributes:
        blur: radius of the blurred background's disc, share of the picture's side.
        vignette: 0..1, share of the light that the corners lose.
        aberration: red and blue are this share larger and smaller than green.
        distortion: share by which the middle is drawn out (+, barrel) or the corners are (-, pincushion).
        grain: standard deviation of the sensor's noise in the mid-tones, linear, full scale 1.
        seed: of the noise.
    """

    blur: float
    vignette: float
    aberration: float
    distortion: float
    grain: float
    seed: int


@dataclass(frozen=True)
class Extras:
    """What a rich setting has beyond `Attributes`."""

    garment: Garment
    cloth: Fabric
    outer: Fabric  # of a jacket, and of what is sewn on
    hat_cloth: Fabric
    earring: Earring
    earring_size: float  # 0..1
    metal: Rgb  # sRGB of the earrings
    surroundings: Surroundings
    lens: Lens
