"""Light of a picture: radiance of the surroundings, and the key light's soft shadow."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from train.data.face_world.probe import Probe, radiances
from train.data.face_world.types import F32, Light
from train.data.face_world.visibility import HAIR_EXTINCTION

SHADOW_TAPS = 8
SHADOW_TURNS = 32


def unit(vector: tuple[float, float, float] | F32) -> F32:
    """The vector scaled to length 1, (3,) float32."""
    array = np.asarray(vector, np.float64)
    return (array / max(float(np.linalg.norm(array)), 1e-12)).astype(np.float32)


def shadow_taps(softness_texels: float) -> F32:
    """Rotated disks of taps for soft shadows, (SHADOW_TURNS, SHADOW_TAPS, 3) float32. Source: Vogel 1979 spiral."""
    turn = np.arange(SHADOW_TURNS)[:, None] * (2 * math.pi / SHADOW_TURNS)
    k = np.arange(SHADOW_TAPS)[None]
    radius = softness_texels * np.sqrt((k + 0.5) / SHADOW_TAPS) + 0 * turn
    angle = turn + k * 2.39996
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), radius], -1).astype(np.float32)


def sky_radiance(directions: F32, light: Light, probe: Probe | None = None) -> F32:
    """Radiance of the surroundings without the key light itself.

    Args:
        directions: (K, 3) unit vectors in camera-aligned space.
        light: of the picture.
        probe: of the place where it is, of the rich world; None = a sky that fades into the ground.

    Returns:
        (K, 3) float32 linear RGB.
    """
    sky = np.array(light.sky, np.float32) * light.fill
    ground = np.array(light.ground, np.float32) * light.fill
    key = np.maximum(directions @ unit(light.key_direction), 0)[:, None] ** 2
    rim = np.maximum(directions @ unit(light.rim_direction), 0)[:, None] ** 3
    glow = 0.10 * light.key_intensity * key * np.array(light.key_color, np.float32)
    glow = glow + 0.25 * light.rim_intensity * rim * np.array(light.rim_color, np.float32)
    if probe is not None:
        return radiances(probe.soft, np.ascontiguousarray(directions, np.float32)) + glow.astype(np.float32)
    return (ground + (sky - ground) * (0.5 + 0.5 * directions[:, 1:2]) + glow).astype(np.float32)


@njit(cache=True, fastmath=True, nogil=True)
def soft_shadow(
    x: float, y: float, z: float, turn: int, view: F32, mesh: F32, hair: F32, taps: F32, texel: float
) -> float:
    """Share of the key light that reaches a point: soft mesh shadow times transmittance of hair."""
    resolution = mesh.shape[0]
    fx = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
    fy = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
    h = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3]
    total = 0.0
    for k in range(taps.shape[1]):
        px, py = int(fx + taps[turn, k, 0]), int(fy + taps[turn, k, 1])
        if px < 0 or py < 0 or px >= resolution or py >= resolution:
            total += 1.0
            continue
        slack = 0.6 * taps[turn, k, 2] * texel
        if mesh[py, px] > h + 0.018 + slack:
            continue
        hx = min(max(int(fx + 2.0 * taps[turn, k, 0]), 0), resolution - 1)
        hy = min(max(int(fy + 2.0 * taps[turn, k, 1]), 0), resolution - 1)
        over = hair[hy, hx] - h - 0.016 - slack
        total += 0.25 + 0.75 * math.exp(-HAIR_EXTINCTION * over) if over > 0 else 1.0
    return total / taps.shape[1]
