"""Face parser: what of a crop is face, hair, glasses, something in front, or else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import ConvNormAct, ResidualBlock

PARSER_CLASSES = ("other", "face", "hair", "glasses", "occluder")


@dataclass(frozen=True)
class ParserConfig:
    """Sizes of the parser.

    Attributes:
        image_size: side of the crop.
        classes: number of classes.
        widths: channels at 1/2, 1/4, 1/8, 1/16 of the crop.
    """

    image_size: int = 128
    classes: int = len(PARSER_CLASSES)
    widths: tuple[int, int, int, int] = (16, 32, 64, 96)


PRESETS: dict[str, ParserConfig] = {"nano": ParserConfig(), "tiny": ParserConfig(image_size=64, widths=(8, 8, 8, 16))}


class Parser(nn.Module):
    """U-Net of four levels with a sub-pixel head.

    Args:
        config: sizes.

    Source: Ronneberger et al. 2015 (arXiv:1505.04597); Shi et al. 2016, eq. 4 (arXiv:1609.05158) for the head.
    """

    def __init__(self, config: ParserConfig) -> None:
        super().__init__()
        self.config = config
        w = config.widths
        self.stem = ConvNormAct(3, w[0], stride=2)
        self.down1 = nn.Sequential(ConvNormAct(w[0], w[1], stride=2), ResidualBlock(w[1]))
        self.down2 = nn.Sequential(ConvNormAct(w[1], w[2], stride=2), ResidualBlock(w[2]))
        self.down3 = nn.Sequential(ConvNormAct(w[2], w[3], stride=2), ResidualBlock(w[3]), ResidualBlock(w[3]))
        self.lateral3 = ConvNormAct(w[3], w[2], 1)
        self.up2 = ConvNormAct(2 * w[2], w[2])
        self.lateral2 = ConvNormAct(w[2], w[1], 1)
        self.up1 = ConvNormAct(2 * w[1], w[1])
        self.lateral1 = ConvNormAct(w[1], w[0], 1)
        self.up0 = ConvNormAct(2 * w[0], w[0])
        self.head = nn.Conv2d(w[0], config.classes * 4, 3, padding=1)

    def forward(self, crop: Tensor) -> Tensor:
        """Parses crops.

        Args:
            crop: (B, 3, S, S) float, RGB in [-1, 1], template "canon".

        Returns:
            (B, classes, S, S) probabilities; logits in training mode.
        """
        x0 = self.stem(crop)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x3 = self.down3(x2)
        y = self.up2(torch.cat([x2, F.interpolate(self.lateral3(x3), scale_factor=2.0, mode="nearest")], 1))
        y = self.up1(torch.cat([x1, F.interpolate(self.lateral2(y), scale_factor=2.0, mode="nearest")], 1))
        y = self.up0(torch.cat([x0, F.interpolate(self.lateral1(y), scale_factor=2.0, mode="nearest")], 1))
        logits = F.pixel_shuffle(self.head(y), 2).float()
        return logits if self.training else logits.softmax(1)
