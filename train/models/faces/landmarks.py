"""68 landmarks with visibility, and the head's pose, from a square crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.faces.rotation import degrees_from_rotation, rotation_from_6d
from train.models.layers import ConvNormAct, ResidualBlock


@dataclass(frozen=True)
class LandmarksConfig:
    """Sizes of the landmark net.

    Attributes:
        image_size: side of the crop.
        points: number of landmarks.
        widths: channels at 1/2, 1/4, 1/8, 1/16, 1/32 of the crop.
        neck: channels of the map that the heat maps are read from, at 1/4.
        global_channels: channels of the smallest map before it is flattened.
        sharpness: multiplies the heat maps' logits; without it they stay almost flat for thousands of steps (measured).
    """

    image_size: int = 128
    points: int = 68
    widths: tuple[int, int, int, int, int] = (16, 24, 48, 96, 128)
    neck: int = 32
    global_channels: int = 48
    sharpness: float = 16.0


PRESETS: dict[str, LandmarksConfig] = {
    "nano": LandmarksConfig(),
    "tiny": LandmarksConfig(image_size=64, widths=(8, 8, 8, 16, 16), neck=8, global_channels=8),
}


class LandmarksOutput(NamedTuple):
    """What the landmark net sees.

    Attributes:
        points: (B, 68, 2) x, y in [0, 1] of the crop (pixels / size), may lie a little outside.
        visible: (B, 68) probability; logit in training mode.
        pose: (B, 3) yaw, pitch, roll in degrees; in training mode (B, 3, 3), the rotation matrix.
    """

    points: Tensor
    visible: Tensor
    pose: Tensor


class Landmarks(nn.Module):
    """Heat maps read by their mean (integral regression), plus a global correction that can leave the crop.

    Args:
        config: sizes.

    Source: Sun et al. 2018, eq. 2 (arXiv:1711.08229) for the mean of the heat map.
    """

    def __init__(self, config: LandmarksConfig) -> None:
        super().__init__()
        self.config = config
        w = config.widths
        self.stem = ConvNormAct(3, w[0], stride=2)
        self.down1 = nn.Sequential(ConvNormAct(w[0], w[1], stride=2), ResidualBlock(w[1]))
        self.down2 = nn.Sequential(ConvNormAct(w[1], w[2], stride=2), ResidualBlock(w[2]))
        self.down3 = nn.Sequential(ConvNormAct(w[2], w[3], stride=2), ResidualBlock(w[3]))
        self.down4 = nn.Sequential(ConvNormAct(w[3], w[4], stride=2), ConvNormAct(w[4], w[4]))
        self.lateral1 = nn.Conv2d(w[1], config.neck, 1)
        self.lateral2 = nn.Conv2d(w[2], config.neck, 1)
        self.lateral3 = nn.Conv2d(w[3], config.neck, 1)
        self.neck = ConvNormAct(config.neck, config.neck)
        self.heat = nn.Conv2d(config.neck, config.points, 1)
        side = config.image_size // 32
        self.reduce = ConvNormAct(w[4], config.global_channels, 1)
        self.head = nn.Linear(config.global_channels * side * side, config.points * 3 + 6)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.zero_()
            # 6-D vector of the unturned head
            self.head.bias[-6:] = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
        cells = config.image_size // 4
        centre = (torch.arange(cells, dtype=torch.float32) + 0.5) / cells
        grid = torch.stack([centre.repeat(cells), centre.repeat_interleave(cells)], dim=-1)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, crop: Tensor) -> LandmarksOutput:
        """Finds landmarks.

        Args:
            crop: (B, 3, S, S) float, RGB in [-1, 1]; square of 1.5 x the box.
        """
        return self.read(*self.look(crop))

    def look(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Heat map logits (B, P, cells) in rows of the map, and the head's raw output (B, 3 P + 6), both float32."""
        x1 = self.down1(self.stem(crop))
        x2 = self.down2(x1)
        x3 = self.down3(x2)
        x4 = self.down4(x3)
        up = self.lateral2(x2) + F.interpolate(
            self.lateral3(x3), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        up = self.lateral1(x1) + F.interpolate(up, scale_factor=2.0, mode="bilinear", align_corners=False)
        heat = self.heat(self.neck(F.relu(up))).float().flatten(2) * self.config.sharpness
        flat = torch.flatten(self.reduce(x4).float().contiguous(), 1)
        with torch.autocast(crop.device.type, enabled=False):
            out = F.linear(flat, self.head.weight.float(), self.head.bias.float())
        return heat, out

    def read(self, heat: Tensor, out: Tensor) -> LandmarksOutput:
        """What `look` saw as landmarks, visibility and pose."""
        # Half precision would round coordinates to 1/256: the mean is taken in float32, also under autocast.
        with torch.autocast(heat.device.type, enabled=False):
            points = torch.matmul(heat.softmax(-1), self.grid)
        n = self.config.points
        points = points + out[:, : 2 * n].unflatten(1, (n, 2))
        visible = out[:, 2 * n : 3 * n]
        rotation = rotation_from_6d(out[:, 3 * n :])
        if self.training:
            return LandmarksOutput(points, visible, rotation)
        return LandmarksOutput(points, visible.sigmoid(), degrees_from_rotation(rotation))
