"""A slight change of a picture's colours, for pictures that are input and target at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class ColorJitter:
    """How far each property is changed, uniformly either way.

    Attributes:
        brightness: of the factor 1.
        contrast: of the factor 1.
        saturation: of the factor 1.
        hue: turns of the colour circle.

    Source: seed 003, "Dataset and Preprocessing"; torchvision's ColorJitter for the operations, in the order of its
        arguments.
    """

    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.05
    hue: float = 0.05

    def __call__(self, image: U8, rng: np.random.Generator) -> U8:
        """Changes one picture, (H, W, 3) uint8."""
        brightness, contrast, saturation = (
            1 + rng.uniform(-most, most) for most in (self.brightness, self.contrast, self.saturation)
        )
        turn = rng.uniform(-self.hue, self.hue)
        x = np.clip(image.astype(np.float32) * (brightness / 255), 0, 1)
        x = _blend(x, (x @ LUMA).mean(), contrast)
        x = _blend(x, (x @ LUMA)[..., None], saturation)
        hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + 360 * turn) % 360
        return np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)


def _blend(image: F32, other: F32 | np.float32, factor: float) -> F32:
    return np.clip(other + (image - other) * np.float32(factor), 0, 1).astype(np.float32)
