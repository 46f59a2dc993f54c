"""A path between two latents that keeps its distance from the origin, as Gaussian latents do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.types import F32


def slerp(start: NDArray[np.floating], end: NDArray[np.floating], weights: NDArray[np.floating]) -> F32:
    """Spherical interpolation: the direction turns evenly on a great circle, the length changes evenly.

    With unit vectors a and b, p the unit vector of b - (a.b) a and omega = atan2(|b - (a.b) a|, a.b), the direction at
    weight w is cos(w omega) a + sin(w omega) p. That form divides by nothing that vanishes when the end points are
    nearly equal or nearly opposite. Exactly opposite ones have no plane of their own; then p is the coordinate axis
    along which a is smallest, made orthogonal to a. A zero end point has no direction and takes the other one's.

    Args:
        start, end: (D,) vectors, D >= 2.
        weights: (N,) 0 = start, 1 = end.

    Returns:
        (N, D) float32, finite for all finite end points.

    Raises:
        InputError: shapes do not fit, or a number is not finite.

    Source: Shoemake 1985.
    """
    if start.ndim != 1 or start.shape != end.shape or len(start) < 2 or weights.ndim != 1:
        raise InputError(f"slerp: two (D,) vectors and (N,) weights, got {start.shape}, {end.shape}, {weights.shape}.")
    a, b, w = (np.asarray(values, np.float64) for values in (start, end, weights))
    if not all(np.isfinite(values).all() for values in (a, b, w)):
        raise InputError("slerp: an end point or a weight is not finite.")
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if length_a == 0.0 or length_b == 0.0:
        return np.asarray(a + w[:, None] * (b - a), np.float32)
    a, b = a / length_a, b / length_b
    across = b - (a @ b) * a
    sine = float(np.linalg.norm(across))
    omega = np.arctan2(sine, a @ b)
    if sine < 1e-12:
        axis = np.zeros_like(a)
        axis[np.argmin(np.abs(a))] = 1.0
        across = axis - (a @ axis) * a
    across = across / np.linalg.norm(across)
    angle = (w * omega)[:, None]
    length = (length_a + w * (length_b - length_a))[:, None]
    return np.asarray(length * (np.cos(angle) * a + np.sin(angle) * across), np.float32)
