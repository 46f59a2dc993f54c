"""Where the regions of a face lie, as functions of the canonical position (see atlas.py). All are mirror symmetric."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.interpolate import splev, splprep

from train.data.face_world.types import F32

# centre and half-widths of soft blobs, canonical units; x counts from the middle
_BLOBS = {
    "cheek": ((0.80, -0.50, 0.08), (0.35, 0.30, 0.48)),
    "nose": ((0.0, -0.46, 0.75), (0.27, 0.21, 0.29)),
    "chin": ((0.0, -1.54, 0.48), (0.29, 0.21, 0.32)),
    "under_eye": ((0.48, -0.18, 0.21), (0.24, 0.08, 0.32)),
    "lid": ((0.51, 0.13, 0.22), (0.27, 0.12, 0.32)),
    "eye_ring": ((0.495, 0.01, 0.16), (0.35, 0.21, 0.32)),
    "forehead": ((0.0, 0.89, 0.40), (0.80, 0.35, 0.80)),
}
# points of a crease from one end to the other (mirrored), half-width, depth
_FACE_CREASES = (
    (((0.30, -0.50, 0.51), (0.42, -0.70, 0.48), (0.53, -0.93, 0.35), (0.58, -1.17, 0.26)), 0.035, 0.0144),  # nasolabial
    (((0.48, -1.22, 0.29), (0.51, -1.38, 0.24), (0.48, -1.54, 0.22)), 0.029, 0.0072),  # marionette
    (((0.27, -0.12, 0.26), (0.42, -0.23, 0.26), (0.61, -0.22, 0.19)), 0.026, 0.0080),  # under the eye
    (((0.78, 0.02, 0.02), (0.89, 0.07, -0.10), (0.99, 0.12, -0.22)), 0.018, 0.0056),  # crow's feet
    (((0.78, -0.02, 0.02), (0.91, -0.06, -0.11), (1.01, -0.09, -0.26)), 0.018, 0.0056),
    (((0.77, 0.07, 0.02), (0.86, 0.18, -0.10), (0.94, 0.26, -0.22)), 0.016, 0.0048),
    (((0.09, 0.28, 0.48), (0.08, 0.44, 0.48), (0.10, 0.57, 0.48)), 0.022, 0.0072),  # frown
)
_FOREHEAD_CREASES = ((0.66, 0.0080), (0.81, 0.0088), (0.97, 0.0080))  # height, depth
_CREASE_SAMPLES = 40
NECK_Z = -1.37  # axis of the neck at the collar
COLLAR_SIDE_Y, COLLAR_FRONT_Y = -2.19, -2.40


def smoothstep(x: F32 | float, low: float, high: float) -> F32:
    """0 below low, 1 above high (or the reverse when high < low), smooth between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def region_masks(canonical: F32, landmarks: F32, lips: F32, ear: F32, inside: NDArray[np.bool_]) -> dict[str, F32]:
    """Soft masks of the regions of the skin.

    Args:
        canonical: (H, W, 3) float32 canonical positions.
        landmarks: (68, 3) float32 canonical positions of the landmarks.
        lips: (H, W) float32 coverage of the lips.
        ear: (H, W) float32 membership in the ears.
        inside: (H, W) bool, inside of mouth and eye sockets.

    Returns:
        name -> (H, W) float32 in [0, 1].
    """
    x, y, z = np.abs(canonical[..., 0]), canonical[..., 1], canonical[..., 2]
    outside = (~inside).astype(np.float32)
    masks = {name: _blob(x, y, z, *blob) * outside for name, blob in _BLOBS.items()}

    corner, middle = landmarks[54], landmarks[[62, 66]].mean(0)  # the line where the lips meet, corner to middle
    line = corner[1] + (middle[1] - corner[1]) * smoothstep(x, float(corner[0]), float(corner[0]) * 0.4)
    masks["lips"] = lips
    masks["upper_lip"] = lips * (y > line)
    masks["lower_lip"] = lips * (y <= line)

    masks["ear"] = np.minimum(ear, 1.0) * outside
    skin = outside * (1 - lips) * (1 - masks["ear"])
    masks["moustache"] = (
        smoothstep(x, 0.59, 0.30)
        * smoothstep(y, -1.222, -1.014)
        * smoothstep(-y + 0.10 * x, 0.75, 0.90)
        * smoothstep(z, 0.0, 0.16)
        * (1 - 0.2 * np.exp(-((x / 0.056) ** 2)))
        * skin
    )
    below_mouth = smoothstep(y, -1.078, -1.318)
    beside_mouth = smoothstep(x, 0.35, 0.51) * smoothstep(y, -0.966, -1.19) * smoothstep(x, 0.735, 0.607)
    jaw_line = smoothstep(-1.436 + 0.52 * x - y, -0.144, 0.176) * smoothstep(x, 0.51, 0.83)
    above_throat = smoothstep(y + 0.28 * np.maximum(z + 0.8, 0.0), -1.925, -1.573)
    masks["beard"] = (
        np.maximum(np.maximum(below_mouth, beside_mouth), jaw_line)
        * above_throat
        * smoothstep(z, -1.23, -0.863)
        * smoothstep(x, 1.326, 1.214)
        * skin
    )
    masks["goatee"] = (
        smoothstep(x, 0.575, 0.40)
        * smoothstep(y, -1.094, -1.286)
        * smoothstep(y, -2.117, -1.893)
        * smoothstep(z, -0.16, 0.08)
        * skin
    )
    masks["sideburns"] = (
        smoothstep(z, -0.40, -0.66)
        * smoothstep(x, 0.90, 1.05)
        * smoothstep(y, 0.06, -0.10)
        * smoothstep(y, -1.3, -1.0)
        * smoothstep(z, -1.23, -1.086)
        * smoothstep(x, 1.31, 1.23)
        * skin
    )
    masks["neck"] = np.maximum(
        smoothstep(y, -1.97, -2.01),
        smoothstep(z, -0.93, -0.98) * smoothstep(y, -1.17, -1.21) * smoothstep(x, 1.14, 1.10),
    )
    # the paint begins this far under the collar, where the shirt hides its edge; in front the neck moves most
    collar = collar_height(canonical[..., 0], z)
    hidden = 0.07 + 0.09 * (collar - COLLAR_SIDE_Y) / (COLLAR_FRONT_Y - COLLAR_SIDE_Y)
    masks["cloth"] = smoothstep(y - collar + hidden, 0.01, -0.01)
    masks["inside"] = inside.astype(np.float32)
    return {name: np.ascontiguousarray(mask, np.float32) for name, mask in masks.items()}


def collar_height(x: F32, z: F32) -> F32:
    """Height of a shirt's collar round the neck, canonical units.

    Args:
        x: any shape, float32, canonical.
        z: the same shape.
    """
    forward = (z - NECK_Z) / (np.hypot(x, z - NECK_Z) + 1e-6)
    return COLLAR_SIDE_Y + (COLLAR_FRONT_Y - COLLAR_SIDE_Y) * smoothstep(forward, 0.0, 0.95)


def wrinkle_heights(canonical: F32) -> F32:
    """Heights of the lines of age.

    Args:
        canonical: (H, W, 3) float32 canonical positions.

    Returns:
        (2, H, W) float32, interocular units, <= 0: lines of the lower face and eyes; lines of the forehead.
    """
    flat = np.ascontiguousarray(canonical.reshape(-1, 3)).copy()
    flat[:, 0] = np.abs(flat[:, 0])
    face = np.zeros(len(flat), np.float32)
    for points, half_width, depth in _FACE_CREASES:
        _add_crease(flat, _sample(points), np.float32(half_width), np.float32(depth), face)
    forehead = np.zeros(len(flat), np.float32)
    for level, depth in _FOREHEAD_CREASES:
        points = ((0.0, level - 0.016, 0.48), (0.32, level + 0.03, 0.43), (0.64, level - 0.016, 0.26))
        # the mirrored half meets it in the middle, so the curve runs on over the middle and tapers only outside
        mirrored = tuple((-x, y, z) for x, y, z in reversed(points[1:]))
        _add_crease(flat, _sample(mirrored + points), np.float32(0.022), np.float32(depth), forehead)
    return np.stack([face, forehead]).reshape(2, *canonical.shape[:2])


def _blob(x: F32, y: F32, z: F32, centre: tuple[float, ...], half_width: tuple[float, ...]) -> F32:
    (cx, cy, cz), (sx, sy, sz) = centre, half_width
    return np.exp(-(((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2 + ((z - cz) / sz) ** 2)).astype(np.float32)


def _sample(points: tuple[tuple[float, ...], ...]) -> F32:
    spline, _ = splprep(np.array(points).T, s=0, k=min(3, len(points) - 1))
    return np.array(splev(np.linspace(0, 1, _CREASE_SAMPLES), spline)).T.astype(np.float32)


@njit(cache=True, nogil=True)
def _add_crease(points, curve, half_width, depth, out):  # type: ignore[no-untyped-def]
    """Subtract a groove along a curve, narrower at its ends; z counts little, so that it reaches any surface."""
    reach = 3.0 * half_width
    low, high = np.empty(2, np.float32), np.empty(2, np.float32)
    for c in range(2):
        low[c], high[c] = curve[:, c].min() - reach, curve[:, c].max() + reach
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        if x < low[0] or x > high[0] or y < low[1] or y > high[1] or z < -0.9:
            continue
        nearest = 1e9
        for i in range(len(curve)):
            taper = np.sqrt(np.sin(np.pi * (i + 0.5) / len(curve)))
            width = half_width * (0.4 + 0.6 * taper)
            dx, dy, dz = x - curve[i, 0], y - curve[i, 1], z - curve[i, 2]
            nearest = min(nearest, (dx * dx + dy * dy + 0.02 * dz * dz) / (width * width))
        out[n] -= depth * np.exp(-nearest)
