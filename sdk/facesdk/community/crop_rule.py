"""How a picture enters a community model, and how one leaves it: template, size, colours, range, layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.community.templates import template_matrix
from facesdk.ops.warp_crop import warp_crop
from facesdk.types import F32, U8

Range = Literal["unit", "signed", "imagenet", "scrfd", "raw"]

# (mean, std) of each channel, RGB: value = (pixel / 255 - mean) / std.
RANGES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "signed": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # (pixel - 127.5) / 128
    "scrfd": ((0.5, 0.5, 0.5), (128 / 255, 128 / 255, 128 / 255)),
    "raw": ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
}


@dataclass(frozen=True)
class CropRule:
    """A crop as a graph reads or writes it.

    Attributes:
        size: side in pixels; 0 = any, for detectors.
        range: a name in RANGES.
        template: a name in TEMPLATES, or "" where something else says the matrix.
        color: order of the channels.
        layout: order of the axes.
        shift_px: added to the template in pixels of the crop.
    """

    size: int
    range: Range
    template: str = ""
    color: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    shift_px: float = 0.0

    def matrix(self, points: NDArray[np.floating]) -> F32:
        """(2, 3) matrix from picture pixels to crop pixels, of (5, 2) or (68, 2) points."""
        return template_matrix(points, self.template, self.size, self.shift_px)

    def cut(self, image: U8, matrices: list[F32], size: int | None = None) -> F32:
        """Crops of a picture as the graph reads them.

        Args:
            image: (H, W, 3) uint8 RGB.
            matrices: n arrays (2, 3) from picture pixels to crop pixels.
            size: side of the crops, by default the graph's.

        Returns:
            (n, 3, size, size) or (n, size, size, 3) float32.
        """
        return self._arrange(warp_crop(image, matrices, size or self.size, 1 / 255, 0.0))

    def encode(self, crops: U8 | F32) -> F32:
        """(n, H, W, 3) RGB, 0 to 255, as the graph reads it."""
        return self._arrange(np.asarray(crops, np.float32).transpose(0, 3, 1, 2) / np.float32(255))

    def decode(self, values: F32) -> F32:
        """What the graph wrote as (n, H, W, 3) float32 RGB, 0 to 255, clipped."""
        rows = values.transpose(0, 2, 3, 1) if self.layout == "nchw" else values
        mean, std = RANGES[self.range]
        rgb = rows if self.color == "rgb" else rows[..., ::-1]
        pixels = (rgb * np.array(std, np.float32) + np.array(mean, np.float32)) * np.float32(255)
        return np.ascontiguousarray(np.clip(pixels, 0.0, 255.0), np.float32)

    def _arrange(self, unit: F32) -> F32:
        """(n, 3, H, W) RGB in [0, 1] in this range, colour order and layout."""
        mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in RANGES[self.range])
        planes = (unit - mean) / std if self.range != "unit" else unit
        if self.color == "bgr":
            planes = planes[:, ::-1]
        return np.ascontiguousarray(planes if self.layout == "nchw" else planes.transpose(0, 2, 3, 1), np.float32)
