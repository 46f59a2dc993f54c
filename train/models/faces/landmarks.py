"""68 landmarks with visibility, and the head's pose, from a square crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.faces.rotation import degrees_from_rotation, rotation_from_6d
from train.models.layers import ConvNormAct, ResidualBlock

# The second look is at a crop this many times as wide as the points of the first one span.
REFINE_SCALE = 1.25


@dataclass(frozen=True)
class LandmarksConfig:
    """Sizes of the landmark net.

    Attributes:
        image_size: side of the crop.
        points: number of landmarks.
        widths: channels at 1/2, 1/4, 1/8, 1/16, 1/32 of the crop.
        neck: channels of the map that the heat maps are read from, at 1/4.
        blocks: residual blocks at 1/4, 1/8 and 1/16.
        global_channels: channels of the smallest map before it is flattened.
        sharpness: multiplies the heat maps' logits; without it they stay almost flat for thousands of steps (measured).
        context: the heat maps also see the smallest map, which knows the whole head: jaw and hidden points need it.
        presence: tells whether the crop shows a face at all.
        shape: a linear layer corrects the points by what they say about each other; made after training.
        shape_hidden: width of one hidden layer beside it, for what bends with the pose; 0 for none.
    """

    image_size: int = 128
    points: int = 68
    widths: tuple[int, int, int, int, int] = (16, 24, 48, 96, 128)
    neck: int = 32
    blocks: tuple[int, int, int] = (1, 1, 1)
    global_channels: int = 48
    sharpness: float = 16.0
    context: bool = False  # both off: as the first pack was trained, whose run folders do not name them
    presence: bool = False
    shape: bool = False
    shape_hidden: int = 0


PRESETS: dict[str, LandmarksConfig] = {
    "nano": LandmarksConfig(widths=(24, 40, 64, 96, 128), neck=40, blocks=(2, 1, 1), context=True, presence=True),
    "tiny": LandmarksConfig(
        image_size=64, widths=(8, 8, 8, 16, 16), neck=8, global_channels=8, context=True, presence=True
    ),
}


class LandmarksOutput(NamedTuple):
    """What the landmark net sees.

    Attributes:
        points: (B, 68, 2) x, y in [0, 1] of the crop (pixels / size), may lie a little outside.
        visible: (B, 68) probability; logit in training mode.
        pose: (B, 3) yaw, pitch, roll in degrees; in training mode (B, 3, 3), the rotation matrix.
        presence: (B, 1) probability that the crop shows a face; logit in training mode; None without that head.
    """

    points: Tensor
    visible: Tensor
    pose: Tensor
    presence: Tensor | None = None


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
        self.down1, self.down2, self.down3 = (
            nn.Sequential(
                ConvNormAct(w[i], w[i + 1], stride=2), *(ResidualBlock(w[i + 1]) for _ in range(config.blocks[i]))
            )
            for i in range(3)
        )
        self.down4 = nn.Sequential(ConvNormAct(w[3], w[4], stride=2), ConvNormAct(w[4], w[4]))
        self.lateral1 = nn.Conv2d(w[1], config.neck, 1)
        self.lateral2 = nn.Conv2d(w[2], config.neck, 1)
        self.lateral3 = nn.Conv2d(w[3], config.neck, 1)
        if config.context:
            self.lateral4 = nn.Conv2d(w[4], config.neck, 1)
            self.context = nn.Sequential(
                nn.ReLU(), ConvNormAct(config.neck, config.neck), nn.Conv2d(config.neck, config.neck, 3, padding=1)
            )
        self.neck = ConvNormAct(config.neck, config.neck)
        self.heat = nn.Conv2d(config.neck, config.points, 1)
        side = config.image_size // 32
        self.reduce = ConvNormAct(w[4], config.global_channels, 1)
        self.head = nn.Linear(config.global_channels * side * side, config.points * 3 + 6 + config.presence)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.zero_()
            # 6-D vector of the unturned head
            self.head.bias[3 * config.points : 3 * config.points + 6] = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
        if config.shape:
            self.shape = nn.Linear(5 * config.points, 2 * config.points)
            self.register_buffer("shape_mean", torch.zeros(5 * config.points))
            self.register_buffer("shape_scale", torch.ones(5 * config.points))
            nn.init.zeros_(self.shape.weight)
            nn.init.zeros_(self.shape.bias)
        if config.shape and config.shape_hidden:
            self.bend = nn.Sequential(
                nn.Linear(5 * config.points, config.shape_hidden),
                nn.ReLU(),
                nn.Linear(config.shape_hidden, 2 * config.points),
            )
            nn.init.zeros_(self.bend[2].weight)
            nn.init.zeros_(self.bend[2].bias)
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

    def look(self, crop: Tensor, mapped: int | None = None) -> tuple[Tensor, Tensor]:
        """Heat map logits (B, P, cells) of the first `mapped` crops, by default all, and the raw head (B, 3 P + 7)."""
        x1 = self.down1(self.stem(crop))
        x2 = self.down2(x1)
        x3 = self.down3(x2)
        x4 = self.down4(x3)
        up = self.lateral3(x3)
        if self.config.context:
            up = up + _twice(self.lateral4(x4))
        up = self.lateral2(x2) + _twice(up)
        if self.config.context:
            up = up + self.context(up)
        up = self.lateral1(x1) + _twice(up)
        # The sharpness on the kernel, and one copy to float32 rows: the maps are the largest tensors of the net.
        sharp = self.config.sharpness
        maps = F.conv2d(self.neck(F.relu(up[:mapped])), self.heat.weight * sharp, self.heat.bias * sharp)
        heat = maps.flatten(2).to(torch.float32, memory_format=torch.contiguous_format)
        flat = torch.flatten(self.reduce(x4).float().contiguous(), 1)
        with torch.autocast(crop.device.type, enabled=False):
            out = F.linear(flat, self.head.weight.float(), self.head.bias.float())
        return heat, out

    def read(self, heat: Tensor, out: Tensor) -> LandmarksOutput:
        """What `look` saw as landmarks, visibility and pose."""
        # Half precision would round coordinates to 1/256: the mean is taken in float32, also under autocast.
        with torch.autocast(heat.device.type, enabled=False):
            probability = heat.softmax(-1)
            means = torch.matmul(probability, self.grid)
            if not self.config.shape:
                return self.place(means, out)
            seen = self.place(means, out)
            spread = heat_spread(probability, means)
            visible = seen.visible.sigmoid() if self.training else seen.visible
            said, size = shape_features(seen.points, spread, visible)
            said = (said - self.shape_mean) / self.shape_scale
            offset = self.shape(said)
            if self.config.shape_hidden:
                offset = offset + self.bend(said)
            return seen._replace(points=seen.points + size * offset.unflatten(1, (self.config.points, 2)))

    def place(self, points: Tensor, out: Tensor) -> LandmarksOutput:
        """As `read`, with the means (B, P, 2) of the heat maps taken already."""
        n = self.config.points
        points = points + out[:, : 2 * n].unflatten(1, (n, 2))
        visible = out[:, 2 * n : 3 * n]
        rotation = rotation_from_6d(out[:, 3 * n : 3 * n + 6])
        presence = self.presence_logit(out)
        if self.training:
            return LandmarksOutput(points, visible, rotation, presence)
        return LandmarksOutput(
            points, visible.sigmoid(), degrees_from_rotation(rotation), None if presence is None else presence.sigmoid()
        )

    def presence_logit(self, out: Tensor) -> Tensor | None:
        """Whether each crop shows a face (B, 1), from the raw head; None without that output."""
        return out[:, 3 * self.config.points + 6 :] if self.config.presence else None


def heat_spread(probability: Tensor, means: Tensor) -> Tensor:
    """Standard deviation of heat maps along x and y, (B, P, 2), from (B, P, n * n) and their means.

    From the deviations themselves: a difference of squares would not survive bfloat16.
    """
    side = round(probability.shape[-1] ** 0.5)
    maps = probability.unflatten(-1, (side, side))
    marginals = torch.stack([maps.sum(-2), maps.sum(-1)], -2)
    centres = (torch.arange(side, dtype=means.dtype, device=means.device) + 0.5) / side
    return (marginals * (centres - means.unsqueeze(-1)).square()).sum(-1).clamp_min(1e-8).sqrt()


def shape_features(points: Tensor, spread: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """What the shape layer reads: the points about their middle, how sure each is, and whether it shows.

    Args:
        points: (B, P, 2).
        spread: (B, P, 2) standard deviation of the heat maps, in the points' unit.
        visible: (B, P) probability.

    Returns:
        (B, 5 P), free of place and size, and the size (B, 1, 1): RMS distance of the points from their middle.
    """
    centred = points - points.mean(1, keepdim=True)
    size = centred.square().sum(-1).mean(-1).clamp_min(1e-8).sqrt()[:, None, None]
    return torch.cat([(centred / size).flatten(1), (spread / size).flatten(1), visible], 1), size


def _twice(x: Tensor) -> Tensor:
    """Twice the size, bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
