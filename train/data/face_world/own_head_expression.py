"""Expressions of the own head: bumps of displacement, lids that slide over the eyeball, and a jaw that turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from train.data.face_world.own_head_canon import EYE_CENTRE, MOUTH_CORNER_X, MOUTH_Y
from train.data.face_world.types import F32

JAW_PIVOT = (-0.22, -1.0)  # y, z of the jaw's joint
JAW_RADIANS = 0.30

Lips = Literal["both", "upper", "lower"]


class Bump(NamedTuple):
    """A soft displacement: its centre and half-widths in x, y and the shift at the centre; x counts outwards."""

    x: float
    y: float
    half_x: float
    half_y: float
    shift: tuple[float, float, float]
    lips: Lips = "both"


# One side each (the other is the mirror image), or both where the name has no side.
BUMPS: Mapping[str, tuple[Bump, ...]] = {
    "mouthSmile": (
        Bump(0.42, -0.95, 0.19, 0.20, (0.070, 0.100, -0.050)),
        Bump(0.20, -0.95, 0.22, 0.16, (0.020, 0.018, -0.015)),
        Bump(0.0, -0.90, 0.16, 0.10, (0.0, 0.024, -0.008), "upper"),
        Bump(0.60, -0.50, 0.25, 0.22, (0.020, 0.050, 0.055)),
        Bump(0.40, -0.70, 0.09, 0.14, (0.010, 0.0, -0.030)),
        Bump(0.18, -0.48, 0.10, 0.12, (0.022, 0.010, 0.0)),
    ),
    "mouthFrown": (
        Bump(0.40, -0.98, 0.17, 0.17, (0.012, -0.085, -0.012)),
        Bump(0.12, -1.12, 0.25, 0.14, (0.0, 0.022, 0.015)),
    ),
    "mouthPucker": (
        Bump(0.38, -0.95, 0.20, 0.26, (-0.140, 0.0, 0.040)),
        Bump(0.15, -0.95, 0.22, 0.20, (-0.035, 0.0, 0.075)),
        Bump(0.10, -0.88, 0.26, 0.07, (0.0, 0.018, 0.020), "upper"),
        Bump(0.10, -1.02, 0.26, 0.07, (0.0, -0.018, 0.020), "lower"),
    ),
    "mouthFunnel": (
        Bump(0.38, -0.95, 0.20, 0.26, (-0.090, 0.0, 0.020)),
        Bump(0.08, -0.90, 0.28, 0.12, (0.0, 0.045, 0.060), "upper"),
        Bump(0.08, -1.00, 0.28, 0.14, (0.0, -0.060, 0.060), "lower"),
    ),
    "mouthUpperUp": (
        Bump(0.10, -0.92, 0.26, 0.15, (0.0, 0.055, 0.008), "upper"),
        Bump(0.26, -0.68, 0.14, 0.16, (0.0, 0.03, 0.012)),
    ),
    "mouthLowerDown": (Bump(0.12, -0.99, 0.26, 0.17, (0.0, -0.060, 0.004), "lower"),),
    "mouthPress": (
        Bump(0.20, -0.90, 0.30, 0.09, (0.0, -0.020, -0.014), "upper"),
        Bump(0.20, -1.01, 0.30, 0.10, (0.0, 0.022, -0.014), "lower"),
        Bump(0.45, -0.95, 0.09, 0.10, (0.0, 0.0, -0.020)),
    ),
    "mouthStretch": (
        Bump(0.43, -0.98, 0.22, 0.22, (0.080, -0.035, -0.035)),
        Bump(0.35, -1.35, 0.25, 0.25, (0.02, -0.02, 0.0)),
    ),
    "mouthDimple": (Bump(0.45, -0.95, 0.12, 0.14, (0.030, 0.012, -0.045)),),
    "mouthRollUpper": (Bump(0.0, -0.91, 0.36, 0.07, (0.0, -0.022, -0.045), "upper"),),
    "mouthRollLower": (Bump(0.0, -1.00, 0.34, 0.08, (0.0, 0.026, -0.045), "lower"),),
    "mouthShrugUpper": (Bump(0.0, -0.88, 0.30, 0.12, (0.0, 0.035, 0.020), "upper"),),
    "mouthShrugLower": (
        Bump(0.0, -0.96, 0.34, 0.12, (0.0, 0.022, 0.014)),
        Bump(0.0, -1.32, 0.30, 0.20, (0.0, 0.060, 0.020)),
    ),
    "browDown": (
        Bump(0.30, 0.38, 0.28, 0.20, (-0.045, -0.085, 0.025)),
        Bump(0.07, 0.42, 0.07, 0.16, (-0.012, 0.0, 0.018)),
    ),
    "browInnerUp": (Bump(0.15, 0.46, 0.24, 0.26, (-0.010, 0.105, 0.008)),),
    "browOuterUp": (Bump(0.62, 0.44, 0.28, 0.26, (0.0, 0.100, 0.005)),),
    "cheekPuff": (Bump(0.52, -0.82, 0.26, 0.30, (0.080, 0.0, 0.060)),),
    "cheekSquint": (Bump(0.58, -0.28, 0.26, 0.15, (0.0, 0.055, 0.035)),),
    "eyeSquint": (Bump(0.52, -0.20, 0.26, 0.09, (0.0, 0.022, 0.014)),),
    "noseSneer": (
        Bump(0.17, -0.46, 0.12, 0.20, (0.012, 0.050, 0.008)),
        Bump(0.24, -0.80, 0.16, 0.14, (0.0, 0.030, 0.006), "upper"),
    ),
}
MIDDLE = (
    "mouthPucker",
    "mouthFunnel",
    "mouthRollUpper",
    "mouthRollLower",
    "mouthShrugUpper",
    "mouthShrugLower",
    "browInnerUp",
    "cheekPuff",
)
# What moves sideways or forward as a whole: (x shift, z shift, with the jaw).
SLIDES: Mapping[str, tuple[float, float, bool]] = {
    "mouthLeft": (0.10, 0.0, False),
    "mouthRight": (-0.10, 0.0, False),
    "jawLeft": (0.09, 0.0, True),
    "jawRight": (-0.09, 0.0, True),
    "jawForward": (0.0, 0.08, True),
}
# Opening of a lid from its line, interocular units: at rest, and what each weight adds.
UPPER_REST, LOWER_REST = 0.098, -0.062
_UPPER = {
    "eyeWide": 0.036,
    "eyeSquint": -0.026,
    "eyeLookUp": 0.030,
    "eyeLookDown": -0.050,
    "cheekSquint": -0.006,
    "browDown": -0.012,
}
_LOWER = {"eyeWide": -0.008, "eyeSquint": 0.030, "eyeLookUp": 0.008, "eyeLookDown": -0.014, "cheekSquint": 0.018}
_CLOSED = -0.040  # where the lids meet


def smooth(values: F32, low: float, high: float) -> F32:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def jaw_share(points: F32, below_lips: F32) -> F32:
    """How much of the jaw's motion the skin takes.

    Args:
        points: (N, 3) mean positions.
        below_lips: (N,) bool; tells the two edges of the mouth's slit apart.

    Returns:
        (N,) float64 in [0, 1].
    """
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    drop = MOUTH_Y - y
    # the slit's arch widens downwards, so that the skin below the corners does not fold
    slit = np.clip(1.0 - (x / (MOUTH_CORNER_X + 0.9 * np.maximum(drop, 0.0))) ** 2, 0.0, 1.0) ** 0.48
    share = np.clip(slit * (1.0 - smooth(drop, 0.2, 0.5)) + smooth(drop, 0.02, 0.5), 0.0, 1.0)
    throat = smooth(-y, 1.7, 2.5)
    return np.where(below_lips, share, 0.0) * smooth(z, -0.9, -0.15) * (1.0 - throat)


def field_matrix(points: F32, below_lips: F32, share: F32) -> tuple[tuple[str, ...], F32]:
    """Displacements of the mean skin at weight 1.

    Args:
        points: (N, 3) mean positions.
        below_lips: (N,) bool.
        share: (N,) share of the jaw's motion.

    Returns:
        names in ARKit's spelling (plus "jawOpen": what the corners do when the jaw drops) and (M, N, 3) float32.
    """
    x, y, z = points.T
    front = smooth(z, -0.75, -0.15)
    lids = np.exp(-(((np.abs(x) - EYE_CENTRE[0]) / 0.27) ** 4) - ((y - EYE_CENTRE[1]) / 0.17) ** 4)
    skin = front * (1.0 - lids)
    fields: dict[str, F32] = {}
    for name, bumps in BUMPS.items():
        left, right = (sum(_bump(points, below_lips, bump, side) for bump in bumps) for side in (1.0, -1.0))
        if name in MIDDLE:
            fields[name] = left + right
        else:
            fields |= {f"{name}Left": left, f"{name}Right": right}
    fields = {name: field * skin[:, None] for name, field in fields.items()}
    mouth = np.exp(-((x / 0.5) ** 4) - ((y - MOUTH_Y) / 0.30) ** 4) * front
    for name, (along_x, along_z, with_jaw) in SLIDES.items():
        weight = np.maximum(share, 0.6 * mouth) if with_jaw else mouth
        fields[name] = weight[:, None] * np.array([along_x, 0.0, along_z])
    corners = sum(
        _bump(points, below_lips, Bump(0.43, MOUTH_Y - 0.04, 0.20, 0.26, (-0.075, -0.070, -0.01)), s)
        for s in (1.0, -1.0)
    )
    cheeks = sum(_bump(points, below_lips, Bump(0.66, -0.70, 0.22, 0.35, (-0.035, -0.02, 0.0)), s) for s in (1.0, -1.0))
    lower_lip = sum(
        _bump(points, below_lips, Bump(0.25, MOUTH_Y - 0.06, 0.12, 0.16, (0.0, -0.04, 0.0), "lower"), s)
        for s in (1.0, -1.0)
    )
    fields["jawOpen"] = (corners + cheeks + lower_lip) * front[:, None]
    names = tuple(sorted(fields))
    return names, np.stack([fields[name] for name in names]).astype(np.float32)


def _bump(points: F32, below_lips: F32, bump: Bump, side: float) -> F32:
    x, y = points[:, 0] * side, points[:, 1]
    weight = np.exp(-(((x - bump.x) / bump.half_x) ** 2) - ((y - bump.y) / bump.half_y) ** 2)
    # a bump near the middle belongs to both halves; each half takes its own share
    weight = weight * smooth(x, -0.08, 0.08)
    if bump.lips != "both":
        weight = weight * (below_lips if bump.lips == "lower" else ~below_lips)
    return weight[:, None] * np.array([bump.shift[0] * side, bump.shift[1], bump.shift[2]])


def lid_heights(expression: Mapping[str, float], side: str, opening: float) -> tuple[float, float]:
    """Where the middles of an eye's lid margins stand above the lids' line.

    Args:
        expression: weights by name.
        side: "Left" or "Right".
        opening: scale of the person's eye opening, about 1.

    Returns:
        upper and lower height, interocular units.
    """
    upper = UPPER_REST * opening + sum(expression.get(name + side, 0.0) * way for name, way in _UPPER.items())
    lower = LOWER_REST * opening + sum(expression.get(name + side, 0.0) * way for name, way in _LOWER.items())
    blink = expression.get("eyeBlink" + side, 0.0)
    upper, lower = max(upper, lower + 0.012), lower
    return upper + (_CLOSED - upper) * blink, lower + (_CLOSED - lower) * blink


def turn_jaw(points: F32, share: F32, weight: float) -> None:
    """Turns points about the jaw's joint, in place.

    Args:
        points: (N, 3) positions.
        share: (N,) share of the motion.
        weight: of jawOpen, 0..1.
    """
    angle = JAW_RADIANS * weight * share
    y, z = points[:, 1] - JAW_PIVOT[0], points[:, 2] - JAW_PIVOT[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    points[:, 1] = JAW_PIVOT[0] + cosine * y - sine * z
    points[:, 2] = JAW_PIVOT[1] + cosine * z + sine * y
