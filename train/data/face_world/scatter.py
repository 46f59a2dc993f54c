"""Subsurface scattering in screen space: light on skin is blurred, red widest, before it meets the albedo."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from train.data.face_world.stage import Layers
from train.data.face_world.types import F32, I32

SCATTER_RADIUS = (0.027, 0.012, 0.0065)  # of red, green and blue light under the skin, interocular units


@njit(cache=True, fastmath=True, nogil=True)
def _combine(triangle_id: I32, layers: Layers, blurred: tuple[F32, F32, F32], weight: tuple[F32, F32, F32]) -> None:
    for row in range(triangle_id.shape[0]):
        for column in range(triangle_id.shape[1]):
            if triangle_id[row, column] < 0:
                continue
            for k in range(3):
                light = layers.irradiance[row, column, k]
                if layers.skin[row, column] > 0:
                    spread = blurred[k][row, column] / max(weight[k][row, column], np.float32(1e-3))
                    light = np.float32(0.25) * light + np.float32(0.75) * spread
                layers.color[row, column, k] += layers.albedo[row, column, k] * light


def scatter_and_combine(triangle_id: I32, layers: Layers, pixels_per_unit: float) -> None:
    """Blurs the light on skin as it scatters below the surface, then adds albedo times light to the colour.

    Args:
        triangle_id: (H, W) int32.
        layers: in and out.
        pixels_per_unit: sub-sample pixels per interocular unit at the head.
    """
    blurred: list[F32] = []
    weight: list[F32] = []
    for k, radius in enumerate(SCATTER_RADIUS):
        sigma = radius * pixels_per_unit
        light = layers.irradiance[..., k] * layers.skin
        if sigma < 0.3:
            blurred.append(light)
            weight.append(layers.skin)
            continue
        side = 2 * max(1, round(2.5 * sigma)) + 1
        border = cv2.BORDER_CONSTANT
        blurred.append(np.asarray(cv2.GaussianBlur(light, (side, side), sigma, borderType=border), np.float32))
        weight.append(np.asarray(cv2.GaussianBlur(layers.skin, (side, side), sigma, borderType=border), np.float32))
    _combine(triangle_id, layers, (blurred[0], blurred[1], blurred[2]), (weight[0], weight[1], weight[2]))
