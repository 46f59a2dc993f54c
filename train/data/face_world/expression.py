"""Expressions by name: the ARKit vocabulary, a table of presets, and their vector form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.types import F32

# Source: https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation (left = subject's left = +x).
# tongueOut is missing (no head moves its tongue) and the eight eyeLook* names stand apart, because gaze sets them.
EXPRESSION_NAMES: tuple[str, ...] = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
GAZE_NAMES: tuple[str, ...] = tuple(
    f"eyeLook{way}{side}" for way in ("Down", "In", "Out", "Up") for side in ("Left", "Right")
)
ALL_NAMES = frozenset(EXPRESSION_NAMES + GAZE_NAMES)


def _both(**weights: float) -> dict[str, float]:
    """Spells `name=w` as nameLeft=w, nameRight=w for the names that have sides."""
    spelled: dict[str, float] = {}
    for name, weight in weights.items():
        sides = (name,) if name in ALL_NAMES else (f"{name}Left", f"{name}Right")
        spelled |= dict.fromkeys(sides, weight)
    return spelled


EXPRESSIONS: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "smile": _both(mouthSmile=0.85, cheekSquint=0.5, mouthUpperUp=0.25, eyeSquint=0.25),
    "laugh": _both(mouthSmile=0.9, jawOpen=0.38, mouthUpperUp=0.5, cheekSquint=0.7, eyeSquint=0.5, mouthLowerDown=0.2),
    "open mouth": _both(jawOpen=0.75),
    "blink": _both(eyeBlink=1.0),
    "wink": {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6, "cheekSquintLeft": 0.7},
    "surprise": _both(jawOpen=0.45, browInnerUp=0.9, browOuterUp=0.9, eyeWide=0.8),
    "angry": _both(browDown=1.0, noseSneer=0.4, eyeSquint=0.4, mouthPress=0.6),
    "sad": _both(browInnerUp=0.8, mouthFrown=0.8, mouthShrugLower=0.4),
    "pucker": _both(mouthPucker=0.85, mouthFunnel=0.2),
}


def check_expression(expression: Mapping[str, float]) -> None:
    """Refuses names outside the vocabulary and weights outside [0, 1].

    Args:
        expression: weights by name.

    Raises:
        InputError: an unknown name, or a weight that is not in [0, 1].
    """
    for name, weight in expression.items():
        if name not in ALL_NAMES:
            raise InputError(f"expression: unknown name {name!r}", "Use the names of EXPRESSION_NAMES or GAZE_NAMES.")
        if not 0.0 <= weight <= 1.0:
            raise InputError(f"expression: {name} = {weight}, expected a weight in [0, 1]", "Clip the weight.")


def to_vector(expression: Mapping[str, float]) -> F32:
    """Weights in the order of EXPRESSION_NAMES; gaze names are dropped, because gaze is an attribute of its own.

    Args:
        expression: weights in [0, 1] by name; a missing name is 0.

    Returns:
        (E,) float32 in [0, 1], E = len(EXPRESSION_NAMES).

    Raises:
        InputError: an unknown name or a weight out of range.
    """
    check_expression(expression)
    return np.array([expression.get(name, 0.0) for name in EXPRESSION_NAMES], np.float32)


def gaze_expression(gaze: tuple[float, float]) -> dict[str, float]:
    """The lids' share of a gaze: eyeLook* weights for a gaze in picture right and up.

    Args:
        gaze: x, y in [-1, 1], picture right and up (the left eye is the one at +x).

    Returns:
        Nonzero weights in [0, 1] by name.
    """
    x, y = gaze
    weights = {
        "eyeLookUp": (y, y),
        "eyeLookDown": (-y, -y),
        "eyeLookOut": (x, -x),
        "eyeLookIn": (-x, x),
    }
    return {
        f"{name}{side}": min(1.0, weight)
        for name, pair in weights.items()
        for side, weight in zip(("Left", "Right"), pair, strict=True)
        if weight > 0
    }
