"""Attribute classifier: an aligned crop to what can be said of the face."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.faces.iresnet import IResNet


@dataclass(frozen=True)
class AttributeConfig:
    """Sizes of the classifier.

    Attributes:
        image_size: side of the crop.
        outputs: value slots of the vocabulary.
        stem_width: channels of the first convolution, which has stride 2.
        depths: units per stage.
        widths: channels per stage.
        strides: stride of each stage's first unit.
        head_channels: 1x1 reduction before the flattening.
        features: width of the layer before the outputs.
    """

    image_size: int = 128
    outputs: int = 16
    stem_width: int = 16
    depths: tuple[int, ...] = (1, 1, 2, 1)
    widths: tuple[int, ...] = (24, 48, 96, 128)
    strides: tuple[int, ...] = (2, 2, 2, 1)
    head_channels: int = 32
    features: int = 128


PRESETS: dict[str, AttributeConfig] = {
    "nano": AttributeConfig(),
    "tiny": AttributeConfig(
        image_size=32, stem_width=8, depths=(1, 1), widths=(8, 16), strides=(2, 2), head_channels=8, features=16
    ),
}


class AttributeNet(nn.Module):
    """Values of all attributes at once.

    Args:
        config: sizes.
    """

    def __init__(self, config: AttributeConfig) -> None:
        super().__init__()
        self.config = config
        side = config.image_size // 2
        for stride in config.strides:
            side = (side + stride - 1) // stride
        self.body = IResNet(
            config.depths, config.widths, config.strides, config.stem_width, 2, config.head_channels, side,
            config.features,
        )  # fmt: skip
        self.head = nn.Linear(config.features, config.outputs)

    def forward(self, crop: Tensor) -> Tensor:
        """Looks at crops.

        Args:
            crop: (B, 3, S, S) float, RGB in [-1, 1], template "canon".

        Returns:
            (B, V) in the order of the condition vector's value slots: scalars scaled to -1..1, logits of flags, logits
            of choices.
        """
        return torch.as_tensor(self.head(F.silu(self.body(crop))))
