"""The own head's anatomy: primitives placed by the artists' canon, and what each shape parameter does to them.

Canon (Loomis, "Drawing the Head and Hands", 1956; five-eyes and thirds rules), unit = distance of the eyes: the eyes
halve the head's height; hairline 1.4, brow 0.4, nose base -0.6, chin -1.65; the head is five eyes wide; the mouth lies
a third of the way from nose base to chin and ends under the inner edges of the irises; the nose is one eye wide; the
ear spans brow to nose base; the neck is three quarters of the head's width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from train.data.face_world.own_head_sdf import COLUMNS
from train.data.face_world.types import F32

EYE_CENTRE = (0.5, 0.0, 0.0)
EYE_RADIUS = 0.25
LID_RADIUS = 0.268
EYE_CORNERS = (0.272, 0.732)  # inner, outer x
MOUTH_Y = -0.95
MOUTH_CORNER_X = 0.405

Vector = tuple[float, float, float]


def _ellipsoid(centre: Vector, radii: Vector, blend: float, tilt: float = 0.0, cut: bool = False) -> list[float]:
    return [0.0, float(cut), blend, *centre, *radii, 0.0, 0.0, tilt]


def _capsule(start: Vector, end: Vector, radii: tuple[float, float], blend: float, cut: bool = False) -> list[float]:
    return [1.0, float(cut), blend, *start, *end, *radii, 0.0]


PRIMITIVES: Mapping[str, list[float]] = {
    "cranium": _ellipsoid((0.0, 0.61, -1.12), (1.20, 1.16, 1.48), 0.1),
    "forehead": _ellipsoid((0.0, 0.70, -0.42), (0.96, 0.82, 0.80), 0.35),
    "temples": _ellipsoid((0.0, 0.16, -0.62), (1.08, 0.92, 0.92), 0.55),
    "midface": _ellipsoid((0.0, -0.42, -0.48), (0.94, 0.70, 0.78), 0.30),
    "lower face": _ellipsoid((0.0, -0.95, -0.36), (0.76, 0.60, 0.80), 0.30),
    "neck": _capsule((0.0, -0.9, -1.15), (0.0, -3.6, -1.55), (0.80, 0.84), 0.22),
    "nape": _ellipsoid((0.0, -0.60, -1.60), (0.80, 0.95, 0.72), 0.4),
    "trapezius": _capsule((0.25, -2.2, -1.75), (1.65, -3.35, -1.65), (0.40, 0.42), 0.5),
    "chest": _ellipsoid((0.0, -4.1, -1.3), (2.1, 1.15, 0.95), 0.4),
    "throat": _ellipsoid((0.0, -1.28, -0.40), (0.52, 0.36, 0.62), 0.25),
    "masseter": _ellipsoid((0.65, -0.70, -0.50), (0.26, 0.58, 0.50), 0.40),
    "mandible": _capsule((0.665, -0.98, -0.82), (0.20, -1.40, 0.06), (0.20, 0.20), 0.30),
    "ramus": _capsule((0.85, -0.20, -0.95), (0.69, -0.95, -0.86), (0.18, 0.18), 0.35),
    "chin": _ellipsoid((0.0, -1.42, 0.19), (0.27, 0.22, 0.24), 0.25),
    "muzzle": _ellipsoid((0.0, -0.88, 0.04), (0.54, 0.42, 0.41), 0.28),
    "brow ridge": _capsule((0.14, 0.33, 0.26), (0.74, 0.34, 0.0), (0.10, 0.09), 0.20),
    "zygoma": _ellipsoid((0.82, -0.27, -0.16), (0.20, 0.18, 0.24), 0.40),
    "cheek": _ellipsoid((0.52, -0.56, 0.00), (0.36, 0.42, 0.30), 0.35),
    "orbit": _ellipsoid((0.50, 0.06, 0.36), (0.30, 0.18, 0.15), 0.18, cut=True),
    "nose root": _capsule((0.0, 0.30, 0.25), (0.0, 0.0, 0.27), (0.13, 0.12), 0.12),
    "nose side": _capsule((0.06, 0.0, 0.18), (0.12, -0.44, 0.34), (0.12, 0.15), 0.12),
    "nose bridge": _capsule((0.0, 0.12, 0.325), (0.0, -0.38, 0.615), (0.078, 0.085), 0.15),
    "nose tip": _ellipsoid((0.0, -0.44, 0.625), (0.135, 0.112, 0.12), 0.16),
    "ala": _ellipsoid((0.16, -0.485, 0.46), (0.092, 0.105, 0.15), 0.10),
    "columella": _capsule((0.0, -0.495, 0.61), (0.0, -0.575, 0.46), (0.065, 0.075), 0.10),
    "nostril": _ellipsoid((0.088, -0.60, 0.485), (0.046, 0.060, 0.062), 0.025, cut=True),
    "lid": _ellipsoid(EYE_CENTRE, (LID_RADIUS, LID_RADIUS, LID_RADIUS), 0.07),
    "upper lip": _capsule((0.0, -0.892, 0.49), (0.36, -0.945, 0.295), (0.072, 0.045), 0.055),
    "tubercle": _ellipsoid((0.0, -0.912, 0.525), (0.10, 0.045, 0.05), 0.06),
    "lower lip": _capsule((0.0, -1.035, 0.465), (0.31, -0.98, 0.31), (0.094, 0.045), 0.055),
    "philtrum": _capsule((0.0, -0.68, 0.60), (0.0, -0.80, 0.615), (0.05, 0.045), 0.06, cut=True),
    "lip seam": _capsule((0.0, -0.955, 0.590), (0.38, -0.952, 0.365), (0.020, 0.008), 0.035, cut=True),
    "chin groove": _capsule((0.0, -1.215, 0.66), (0.24, -1.20, 0.55), (0.14, 0.12), 0.16, cut=True),
}

# parameter -> (primitive, field, axis, change at one standard deviation); fields: centre, size, end, radius, tilt
Change = tuple[str, str, int, float]
SHAPE_CHANGES: Mapping[str, tuple[Change, ...]] = {
    "cranium width": (("cranium", "size", 0, 0.045), ("forehead", "size", 0, 0.03)),
    "cranium height": (("cranium", "size", 1, 0.05),),
    "cranium length": (("cranium", "size", 2, 0.06),),
    "forehead slope": (("forehead", "size", 2, 0.04), ("forehead", "tilt", 0, 0.08)),
    "forehead width": (("forehead", "size", 0, 0.05),),
    "brow ridge": (("brow ridge", "radius", 0, 0.016), ("brow ridge", "radius", 1, 0.012)),
    "face width": (("temples", "size", 0, 0.04), ("midface", "size", 0, 0.04), ("ramus", "centre", 0, 0.03)),
    "cheekbone": (("zygoma", "size", 2, 0.05), ("zygoma", "size", 0, 0.03)),
    "cheekbone height": (("zygoma", "centre", 1, 0.05),),
    "cheek fullness": (("cheek", "size", 2, 0.045), ("lower face", "size", 0, 0.035)),
    "jaw width": (("mandible", "centre", 0, 0.06), ("ramus", "size", 0, 0.06), ("lower face", "size", 0, 0.03)),
    "jaw angle": (("mandible", "centre", 1, 0.06), ("ramus", "size", 1, 0.06)),
    "chin height": (("chin", "centre", 1, -0.05), ("mandible", "size", 1, -0.05)),
    "chin forward": (("chin", "centre", 2, 0.05), ("mandible", "size", 2, 0.05), ("chin groove", "centre", 2, 0.02)),
    "chin width": (("chin", "size", 0, 0.05), ("mandible", "size", 0, 0.035)),
    "muzzle": (("muzzle", "size", 2, 0.03), ("upper lip", "centre", 2, 0.025), ("lower lip", "centre", 2, 0.025)),
    "orbit depth": (("orbit", "size", 2, 0.022),),
    "orbit height": (("orbit", "size", 1, 0.018),),
    "nose root": (("nose root", "centre", 2, 0.035), ("nose bridge", "centre", 2, 0.035)),
    "bridge width": (
        ("nose bridge", "radius", 0, 0.012),
        ("nose bridge", "radius", 1, 0.012),
        ("nose side", "centre", 0, 0.015),
    ),
    "bridge hump": (("nose bridge", "centre", 2, 0.02), ("nose bridge", "size", 2, 0.015)),
    "nose length": (
        ("nose tip", "size", 2, 0.015),
        ("nose tip", "centre", 2, 0.032),
        ("columella", "centre", 2, 0.03),
        ("nose bridge", "size", 2, 0.03),
    ),
    "nose tip height": (("nose tip", "centre", 1, 0.035), ("columella", "centre", 1, 0.03)),
    "nose tip width": (("nose tip", "size", 0, 0.014), ("nose tip", "size", 1, 0.008)),
    "nose width": (("ala", "centre", 0, 0.024), ("nostril", "centre", 0, 0.012), ("nose side", "size", 0, 0.015)),
    "ala size": (("ala", "size", 0, 0.01), ("ala", "size", 1, 0.011), ("ala", "size", 2, 0.012)),
    "upper lip": (("upper lip", "radius", 0, 0.014), ("upper lip", "radius", 1, 0.006), ("tubercle", "size", 2, 0.008)),
    "lower lip": (("lower lip", "radius", 0, 0.016), ("lower lip", "radius", 1, 0.006)),
    "chin groove": (("chin groove", "radius", 0, 0.02),),
    "neck width": (("neck", "radius", 0, 0.05), ("neck", "radius", 1, 0.05)),
}
_FIELDS = {"centre": 3, "size": 6, "end": 6, "radius": 9, "tilt": 11}


def _linear_map() -> tuple[F32, F32]:
    """The mean table (P, COLUMNS) and what one standard deviation of each parameter adds, (S, P, COLUMNS)."""
    names = list(PRIMITIVES)
    mean = np.array([PRIMITIVES[name] for name in names])
    changes = np.zeros((len(SHAPE_CHANGES), len(names), COLUMNS))
    for k, entries in enumerate(SHAPE_CHANGES.values()):
        for primitive, kind, axis, amount in entries:
            changes[k, names.index(primitive), _FIELDS[kind] + axis] += amount
    return mean, changes


_MEAN, _CHANGES = _linear_map()


def primitive_table(shape: F32) -> F32:
    """Primitives of a person.

    Args:
        shape: (S,) weights of SHAPE_CHANGES in standard deviations, S = len(SHAPE_CHANGES).

    Returns:
        (P, COLUMNS) float64.
    """
    return _MEAN + np.tensordot(np.asarray(shape, np.float64), _CHANGES, 1)
