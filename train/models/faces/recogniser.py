"""Identity recogniser: an aligned 112 px crop to a 512-d embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from train.models.faces.iresnet import IResNet
from train.models.faces.plain_net import PlainNet


@dataclass(frozen=True)
class RecogniserConfig:
    """Sizes of a recogniser.

    Attributes:
        body: "iresnet" (residual, the recogniser) or "plain" (no shortcuts, GeM pooling, the judge).
        embedding: width of the embedding.
        image_size: side of the crop.
        stem_stride: stride of the first convolution.
        depths: units per stage.
        widths: channels per stage; the stem has `stem_width`.
        strides: stride of each stage's first unit.
        stem_width: channels of the stem.
        head_channels: 1x1 reduction before the flattening; 0 keeps the last stage's channels ("iresnet" only).
    """

    body: Literal["iresnet", "plain"] = "iresnet"
    embedding: int = 512
    image_size: int = 112
    stem_stride: int = 1
    depths: tuple[int, ...] = (3, 4, 14, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    strides: tuple[int, ...] = (2, 2, 2, 2)
    stem_width: int = 64
    head_channels: int = 0


PRESETS: dict[str, RecogniserConfig] = {
    "paper": RecogniserConfig(),
    "nano": RecogniserConfig(
        stem_stride=2,
        depths=(1, 2, 2, 1),
        widths=(24, 64, 128, 160),
        strides=(2, 2, 2, 1),
        stem_width=24,
        head_channels=32,
    ),
    "judge": RecogniserConfig(
        body="plain", stem_stride=2, depths=(1, 2, 2, 2), widths=(40, 72, 144, 256), strides=(2, 1, 2, 2), stem_width=32
    ),
    "tiny": RecogniserConfig(
        embedding=32,
        stem_stride=2,
        depths=(1, 1, 1, 1),
        widths=(8, 8, 16, 16),
        strides=(2, 2, 2, 1),
        stem_width=8,
        head_channels=8,
    ),
}


class Recogniser(nn.Module):
    """Embedding of who is seen.

    Args:
        config: sizes.
    """

    def __init__(self, config: RecogniserConfig) -> None:
        super().__init__()
        self.config = config
        self.body: nn.Module
        if config.body == "iresnet":
            side = config.image_size // config.stem_stride
            for stride in config.strides:
                side = (side + stride - 1) // stride
            self.body = IResNet(
                config.depths,
                config.widths,
                config.strides,
                config.stem_width,
                config.stem_stride,
                config.head_channels,
                side,
                config.embedding,
            )
        else:
            self.body = PlainNet(
                config.depths, config.widths, config.strides, config.stem_width, config.stem_stride, config.embedding
            )

    def forward(self, crop: Tensor) -> Tensor:
        """Embeds crops.

        Args:
            crop: (B, 3, S, S) float, RGB in [-1, 1], template "arcface".

        Returns:
            (B, E) embedding, not normalised.
        """
        out: Tensor = self.body(crop)
        return out
