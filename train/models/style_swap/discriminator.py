"""Multi-scale patch discriminator."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of the discriminator.

    Attributes:
        scales: number of discriminators, each at half the size of the one before.
        width: channels of the first convolution.
        layers: stride-2 convolutions.
    """

    scales: int = 3
    width: int = 64
    layers: int = 3


DISCRIMINATOR_PRESETS: dict[str, DiscriminatorConfig] = {
    "paper": DiscriminatorConfig(),
    "nano": DiscriminatorConfig(scales=2, width=32),
    "tiny": DiscriminatorConfig(scales=2, width=8, layers=2),
}


class PatchDiscriminator(nn.Module):
    """One scale: 4x4 convolutions; instance norm between all but the first and the last."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        modules: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 2), nn.LeakyReLU(0.2)]
        channels = width
        for i in range(1, layers + 1):
            out = min(width * 2**i, 512)
            stride = 2 if i < layers else 1
            modules += [nn.Conv2d(channels, out, 4, stride, 2), nn.InstanceNorm2d(out), nn.LeakyReLU(0.2)]
            channels = out
        modules.append(nn.Conv2d(channels, 1, 4, 1, 2))
        self.layers = nn.Sequential(*modules)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.layers(image)
        return out.float()


class Discriminator(nn.Module):
    """V of the seed: pix2pixHD's discriminators at several scales.

    Args:
        config: sizes; the default is the paper's.

    Source: seed 000, section 2.4 [14]; NVIDIA/pix2pixHD models/networks.py, MultiscaleDiscriminator; specification A5.
    """

    def __init__(self, config: DiscriminatorConfig | None = None) -> None:
        super().__init__()
        config = config or DISCRIMINATOR_PRESETS["paper"]
        self.scales = nn.ModuleList(PatchDiscriminator(config.width, config.layers) for _ in range(config.scales))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Scores patches.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].

        Returns:
            One (B, 1, h, w) map of scores per scale, the finest first; positive = real.
        """
        scores = []
        for i, scale in enumerate(self.scales):
            if i:
                image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
            scores.append(scale(image))
        return scores
