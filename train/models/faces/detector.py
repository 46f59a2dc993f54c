"""Face detector with five points: SCRFD's heads on a small backbone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import ConvNormAct, ResidualBlock

STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class DetectorConfig:
    """Sizes of the detector.

    Attributes:
        widths: channels at strides 2, 4, 8, 16, 32.
        depths: residual blocks at strides 4, 8, 16, 32.
        neck: channels of the feature pyramid.
        head: channels of the shared head.
        head_depth: depthwise-separable convolutions of the head.
        anchors: anchors per cell.
        anchor_base: side of the smallest anchor per stride, pixels.
        anchor_scales: multipliers of the side.
    """

    widths: tuple[int, int, int, int, int] = (16, 24, 48, 72, 96)
    depths: tuple[int, int, int, int] = (0, 1, 1, 1)
    neck: int = 32
    head: int = 48
    head_depth: int = 2
    anchors: int = 2
    anchor_base: tuple[int, int, int] = (16, 64, 256)
    anchor_scales: tuple[float, ...] = (1.0, 2.0)


PRESETS: dict[str, DetectorConfig] = {
    "nano": DetectorConfig(),
    "tiny": DetectorConfig(widths=(8, 8, 8, 8, 8), depths=(0, 0, 0, 0), neck=8, head=8, head_depth=1),
}


class DetectorOutput(NamedTuple):
    """Raw detections per stride; N = rows * columns * anchors, row-major cells, anchors of a cell adjacent.

    Attributes:
        score_8, score_16, score_32: (B, N, 1) probability; logit in training mode.
        box_8, box_16, box_32: (B, N, 4) left, top, right, bottom distances from the cell's centre (column * stride,
            row * stride), in strides, positive.
        points_8, points_16, points_32: (B, N, 10) x, y offsets of five points from the centre, in strides.
    """

    score_8: Tensor
    score_16: Tensor
    score_32: Tensor
    box_8: Tensor
    box_16: Tensor
    box_32: Tensor
    points_8: Tensor
    points_16: Tensor
    points_32: Tensor


class Detector(nn.Module):
    """Convolutional body, path-aggregating pyramid, one head shared by the three strides.

    Args:
        config: sizes.

    Source: Guo et al. 2021 (arXiv:2105.04714), deepinsight/insightface detection/scrfd; Liu et al. 2018
        (arXiv:1803.01534) for the pyramid.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        w, neck = config.widths, config.neck
        self.stem = ConvNormAct(3, w[0], stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(
                ConvNormAct(w[i], w[i + 1], stride=2), *(ResidualBlock(w[i + 1]) for _ in range(config.depths[i]))
            )
            for i in range(4)
        )
        self.lateral = nn.ModuleList(ConvNormAct(width, neck, 1) for width in w[2:])
        self.smooth = nn.ModuleList(ConvNormAct(neck, neck) for _ in STRIDES)
        self.down = nn.ModuleList(ConvNormAct(neck, neck, stride=2) for _ in STRIDES[1:])
        self.merge = nn.ModuleList(ConvNormAct(neck, neck) for _ in STRIDES[1:])
        self.head = nn.Sequential(
            *(
                ConvNormAct(neck if i == 0 else config.head, config.head, separable=True)
                for i in range(config.head_depth)
            )
        )
        self.score = nn.Conv2d(config.head, config.anchors, 3, padding=1)
        self.box = nn.Conv2d(config.head, config.anchors * 4, 3, padding=1)
        self.points = nn.Conv2d(config.head, config.anchors * 10, 3, padding=1)
        # One number per stride takes up the difference of scale between the levels that share the head.
        self.box_scale = nn.Parameter(torch.ones(3))
        self.point_scale = nn.Parameter(torch.ones(3))
        for layer in (self.score, self.box, self.points):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # Prior of 1 % faces, or the many empty cells drown the first steps.
        # Source: Lin et al. 2017, section 4.1 (arXiv:1708.02002).
        nn.init.constant_(self.score.bias, -math.log(99.0))  # type: ignore[arg-type]
        nn.init.constant_(self.box.bias, 1.5)  # type: ignore[arg-type]

    def _cells(self, x: Tensor, values: int) -> Tensor:
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)

    def forward(self, image: Tensor) -> DetectorOutput:
        """Detects faces.

        Args:
            image: (B, 3, H, W) float, RGB in [-1, 1], H and W multiples of 32.
        """
        x = self.stages[0](self.stem(image))
        levels: list[Tensor] = []
        for stage, lateral in zip(self.stages[1:], self.lateral, strict=True):
            x = stage(x)
            levels.append(lateral(x))
        for i in (1, 0):
            levels[i] = levels[i] + F.interpolate(levels[i + 1], scale_factor=2.0, mode="nearest")
        levels = [smooth(level) for smooth, level in zip(self.smooth, levels, strict=True)]
        for i in (1, 2):
            levels[i] = self.merge[i - 1](levels[i] + self.down[i - 1](levels[i - 1]))
        scores, boxes, points = [], [], []
        for i, level in enumerate(levels):
            y = self.head(level)
            score = self._cells(self.score(y), 1).float()
            scores.append(score if self.training else score.sigmoid())
            boxes.append(F.softplus(self._cells(self.box(y), 4).float() * self.box_scale[i]))
            points.append(self._cells(self.points(y), 10).float() * self.point_scale[i])
        return DetectorOutput(*scores, *boxes, *points)
