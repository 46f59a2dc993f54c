"""Eyes: a sphere fitted to the eyeball's vertices, and an iris drawn from the angle to the gaze axis."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from train.data.face_world.palette import EYE_COLORS, srgb_to_linear
from train.data.face_world.types import F32, Identity

FIBRES = (7, 11, 17, 23, 31)  # waves around the iris
PUPIL = 0.40  # share of the iris radius


class EyePaint(NamedTuple):
    """One person's iris and sclera, for the shading kernel."""

    iris: F32  # (3,) linear RGB
    sclera: F32  # (3,) linear RGB
    waves: F32  # (len(FIBRES), 3): wave number, amplitude, phase
    radius: float  # iris, interocular units


def fit_sphere(points: F32) -> tuple[F32, float]:
    """Least-squares sphere, refitted once without the corneal bulge.

    Args:
        points: (N, 3) float32, N >= 4.

    Returns:
        centre (3,) float32 and radius.
    """
    kept = points.astype(np.float64)
    for _ in range(2):
        system = np.concatenate([2 * kept, np.ones((len(kept), 1))], 1)
        solution = np.linalg.lstsq(system, (kept**2).sum(1), rcond=None)[0]
        centre = solution[:3]
        radius = math.sqrt(solution[3] + centre @ centre)
        distance = np.linalg.norm(points - centre, axis=1)
        kept = points[np.abs(distance - radius) < 0.04 * radius].astype(np.float64)
        if len(kept) < 16:
            break
    return centre.astype(np.float32), radius


def eye_paint(identity: Identity) -> EyePaint:
    """Colours and fibres of a person's irises."""
    rng = np.random.default_rng([identity.seed, 17])
    waves = np.stack([np.array(FIBRES), 0.12 * rng.standard_normal(len(FIBRES)), rng.uniform(0, 6.28, len(FIBRES))], 1)
    sclera = 0.85 * srgb_to_linear(np.array([0.86, 0.82, 0.79]) - 0.06 * identity.age * np.array([0.3, 0.8, 1.4]))
    iris = EYE_COLORS[identity.eye_color]
    return EyePaint(iris, sclera.astype(np.float32), waves.astype(np.float32), float(identity.iris_radius))


@njit(cache=True, fastmath=True, nogil=True)
def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, fastmath=True, nogil=True)
def iris_angle(dx: float, dy: float, dz: float, frame: F32) -> tuple[float, float, float]:
    """Where a direction from the eyeball's centre lies about the gaze axis.

    Args:
        dx: unit direction.
        dy: unit direction.
        dz: unit direction.
        frame: (5, 3): centre, gaze axis, up, side, (sphere radius, iris radius, 0).

    Returns:
        distance from the axis in iris radii, cosine and sine of the angle around it.
    """
    along = min(max(dx * frame[1, 0] + dy * frame[1, 1] + dz * frame[1, 2], -1.0), 1.0)
    up = dx * frame[2, 0] + dy * frame[2, 1] + dz * frame[2, 2]
    side = dx * frame[3, 0] + dy * frame[3, 1] + dz * frame[3, 2]
    ring = math.sqrt(up * up + side * side) + 1e-9
    distance = math.acos(along) * frame[4, 0] / frame[4, 1]
    return distance, side / ring, up / ring


@njit(cache=True, fastmath=True, nogil=True)
def eye_albedo(
    distance: float, cosine: float, sine: float, iris: F32, sclera: F32, waves: F32
) -> tuple[float, float, float]:
    """Albedo of an eyeball: pupil, fibres, a warm collarette, the limbal ring, and the sclera reddening to the corners.

    Args:
        distance: from the gaze axis in iris radii.
        cosine: of the angle around the axis.
        sine: of the angle around the axis.
        iris: (3,) linear RGB.
        sclera: (3,) linear RGB.
        waves: (n, 3) wave number, amplitude, phase.

    Returns:
        linear r, g, b.
    """
    white = _step(distance, 0.93, 1.06)
    corner = 0.25 * _step(distance, 1.4, 2.8)
    red = sclera[0] * (1.0 - 0.3 * corner)
    green = sclera[1] * (1.0 - corner)
    blue = sclera[2] * (1.0 - corner)
    if white >= 1.0:
        return red, green, blue
    angle = math.atan2(sine, cosine)
    fibre = 1.0
    for k in range(waves.shape[0]):
        fibre += waves[k, 1] * math.sin(waves[k, 0] * angle + waves[k, 2])
    ring = 0.25 * math.exp(-(((distance - 0.52) / 0.13) ** 2))
    shade = fibre * (1.35 - 0.55 * distance)
    dark = (1.0 - 0.75 * _step(distance, 0.80, 1.0)) * _step(distance, PUPIL - 0.06, PUPIL + 0.05)
    iris_red = (iris[0] * shade * (1.0 - ring) + ring * iris[0] * 1.6) * dark
    iris_green = (iris[1] * shade * (1.0 - ring) + ring * iris[0] * 1.1) * dark
    iris_blue = (iris[2] * shade * (1.0 - ring) + ring * iris[0] * 0.6) * dark
    return (
        max(iris_red + (red - iris_red) * white, 0.002),
        max(iris_green + (green - iris_green) * white, 0.002),
        max(iris_blue + (blue - iris_blue) * white, 0.002),
    )
