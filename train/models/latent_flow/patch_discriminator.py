"""The critic of the generator's second stage: says of every patch of a picture whether it is real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class PatchDiscriminatorConfig:
    """Sizes of the critic.

    Attributes:
        width: channels of the first convolution; each one after it has twice as many, up to 8 times.
        layers: stride-2 convolutions; 3 see patches of 70 x 70 pixels, 2 of 34 x 34.
    """

    width: int = 64
    layers: int = 3


PRESETS: dict[str, PatchDiscriminatorConfig] = {
    "paper": PatchDiscriminatorConfig(),
    "nano": PatchDiscriminatorConfig(width=16),
    "tiny": PatchDiscriminatorConfig(width=8, layers=1),
}


class PatchDiscriminator(nn.Module):
    """PatchGAN: 4x4 convolutions, batch norm between all but the first and the last.

    Args:
        config: sizes; the default is the paper's, 2.77 M parameters.

    Source: Isola et al. 2017, appendix 6.1.2, the 70 x 70 discriminator (arXiv:1611.07004);
        junyanz/pytorch-CycleGAN-and-pix2pix models/networks.py, NLayerDiscriminator.
    """

    def __init__(self, config: PatchDiscriminatorConfig | None = None) -> None:
        super().__init__()
        config = config or PRESETS["paper"]
        self.config = config
        modules: list[nn.Module] = [nn.Conv2d(3, config.width, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels = config.width
        for index in range(1, config.layers + 1):
            out = config.width * min(2**index, 8)
            stride = 2 if index < config.layers else 1
            modules += [nn.Conv2d(channels, out, 4, stride, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
            channels = out
        self.layers = nn.Sequential(*modules, nn.Conv2d(channels, 1, 4, 1, 1))
        self.apply(_start)

    def forward(self, image: Tensor) -> Tensor:
        """Scores patches.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].

        Returns:
            (B, 1, h, w) float32 logits; positive = real.
        """
        out: Tensor = self.layers(image)
        return out.float()


def _start(module: Any) -> None:
    # Isola et al. 2017, appendix 6.2: weights from N(0, 0.02).
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
