"""The VAE of the generator: one vector of 256 numbers a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import EqualLinear

Norm = Literal["group", "batch"]
GROUPS = 8


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.GroupNorm(GROUPS, channels) if kind == "group" else nn.BatchNorm2d(channels)


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of the VAE.

    Attributes:
        image_size: side of the picture.
        latent: numbers a face.
        stem_width: channels after the encoder's first convolution.
        stem_stride: 1 is a 3x3 convolution at full size; more cuts the picture into patches of that side.
        encoder_widths: channels of the encoder's levels, each half the size of the one before.
        encoder_blocks: residual blocks a level.
        pool: "mean" averages the last level (the paper); "flatten" keeps its places, in `pool_width` channels.
        pool_width: channels that are flattened.
        decoder_start: channels of the map that the decoder's linear layer makes.
        decoder_widths: channels of its levels, each twice the size of the one before; the last has the picture's size.
        decoder_blocks: residual blocks of each of them.
        norm: "group" (the paper), or "batch": its gradient is 8 times cheaper on a CPU (measured), and it folds away.
        tanh: bound the picture with a tanh (the paper).
        base_size: side of a linear picture under the convolutions' one, both ways, started from the principal
            components of the training pictures; 0 for none (the paper).
    """

    image_size: int = 256
    latent: int = 256
    stem_width: int = 64
    stem_stride: int = 1
    encoder_widths: tuple[int, ...] = (128, 256, 512, 512)
    encoder_blocks: int = 2
    pool: Literal["mean", "flatten"] = "mean"
    pool_width: int = 0
    decoder_start: int = 512
    decoder_widths: tuple[int, ...] = (256, 128, 64, 32)
    decoder_blocks: tuple[int, ...] = (2, 2, 2, 2)
    norm: Norm = "group"
    tanh: bool = True
    base_size: int = 0

    @property
    def start_size(self) -> int:
        """Side of the decoder's first map."""
        return int(self.image_size // 2 ** len(self.decoder_widths))


PRESETS: dict[str, VAEConfig] = {
    "paper": VAEConfig(),
    "nano": VAEConfig(
        image_size=128,
        stem_width=24,
        stem_stride=4,
        encoder_widths=(48, 96, 128),
        encoder_blocks=1,
        pool="flatten",
        pool_width=48,
        decoder_start=128,
        decoder_widths=(96, 64, 40, 24, 16),
        decoder_blocks=(1, 1, 1, 1, 0),
        norm="batch",
        tanh=False,
        base_size=32,
    ),
    "tiny": VAEConfig(
        image_size=32,
        latent=16,
        stem_width=8,
        stem_stride=2,
        encoder_widths=(8, 16),
        encoder_blocks=1,
        pool="flatten",
        pool_width=8,
        decoder_start=16,
        decoder_widths=(16, 8, 8),
        decoder_blocks=(1, 1, 0),
        norm="batch",
        tanh=False,
        base_size=8,
    ),
}


class Posterior(NamedTuple):
    """q(z | x), a Gaussian with a diagonal covariance.

    Attributes:
        mean: (B, D).
        log_variance: (B, D), natural logarithm.
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """One draw a picture, (B, D), through which gradients flow."""
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)


class VAEBlock(nn.Module):
    """Pre-activation residual block. Source: He et al. 2016, fig. 4e (arXiv:1603.05027), with SiLU."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(norm, channels), _norm(norm, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class BaseLinear(EqualLinear):
    """Linear layer that starts from given weights and moves from them more slowly than the rest."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, lr_mul=0.03)

    def assign(self, weight: Tensor, bias: Tensor) -> None:
        """Sets what the layer multiplies with, (out, in), and adds, (out,)."""
        with torch.no_grad():
            self.weight.copy_(weight / self.scale)
            self.bias.copy_(bias / self.lr_mul)


class Encoder(nn.Module):
    """Picture to posterior."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        stride = config.stem_stride
        kernel, padding = (3, 1) if stride == 1 else (stride, 0)
        self.stem = nn.Conv2d(3, config.stem_width, kernel, stride, padding)
        levels, width = [], config.stem_width
        for out in config.encoder_widths:
            blocks = [VAEBlock(out, config.norm) for _ in range(config.encoder_blocks)]
            levels.append(nn.Sequential(nn.Conv2d(width, out, 4, 2, 1), *blocks))
            width = out
        self.levels = nn.Sequential(*levels)
        self.norm = _norm(config.norm, width)
        side = config.image_size // stride // 2 ** len(config.encoder_widths)
        self.reduce = nn.Conv2d(width, config.pool_width, 1) if config.pool == "flatten" else None
        features = width if self.reduce is None else config.pool_width * side**2
        self.head = nn.Linear(features, 2 * config.latent)
        self.base = BaseLinear(3 * config.base_size**2, config.latent) if config.base_size else None
        if self.base is not None:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Posterior:
        x = F.silu(self.norm(self.levels(self.stem(image))))
        x = x.mean((2, 3)) if self.reduce is None else torch.flatten(self.reduce(x).contiguous(), 1)
        # Half precision is too coarse for a code: the heads are evaluated in float32, also under autocast.
        with torch.autocast(image.device.type, enabled=False):
            out = F.linear(x.float(), self.head.weight.float(), self.head.bias.float())
            mean, log_variance = out.chunk(2, dim=1)
            if self.base is not None:
                small = F.avg_pool2d(image.float(), self.config.image_size // self.config.base_size)
                mean = mean + self.base(torch.flatten(small.contiguous(), 1))
        return Posterior(mean, log_variance.clamp(-20.0, 10.0))


class Decoder(nn.Module):
    """Code to picture."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        side = config.start_size
        self.start = nn.Linear(config.latent, config.decoder_start * side**2)
        self.base = BaseLinear(config.latent, 3 * config.base_size**2) if config.base_size else None
        convs, blocks, width = [], [], config.decoder_start
        self.injected = -1
        for index, (out, count) in enumerate(zip(config.decoder_widths, config.decoder_blocks, strict=True)):
            side *= 2
            if side == config.base_size:
                self.injected = index
            convs.append(nn.Conv2d(width, out, 3, padding=1))
            blocks.append(nn.Sequential(*(VAEBlock(out, config.norm) for _ in range(count))))
            width = out
        self.convs, self.blocks = nn.ModuleList(convs), nn.ModuleList(blocks)
        self.inject = nn.Conv2d(3, config.decoder_widths[self.injected], 1) if self.injected >= 0 else None
        self.norm = _norm(config.norm, width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)
        if self.base is not None:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, latent: Tensor) -> Tensor:
        config = self.config
        x = self.start(latent).unflatten(1, (config.decoder_start, config.start_size, config.start_size))
        base = None
        if self.base is not None:
            with torch.autocast(latent.device.type, enabled=False):
                base = self.base(latent.float()).unflatten(1, (3, config.base_size, config.base_size))
        for index, (conv, block) in enumerate(zip(self.convs, self.blocks)):
            x = conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
            if self.inject is not None and index == self.injected:
                x = x + self.inject(base)
            x = block(x)
        image = self.out(F.silu(self.norm(x))).float()
        if base is not None:
            image = image + F.interpolate(
                base, scale_factor=float(config.image_size // config.base_size), mode="bilinear", align_corners=False
            )
        return image.tanh() if config.tanh else image


class VAE(nn.Module):
    """Encoder and decoder, and the statistics of the codes that the flow works on.

    Args:
        config: sizes.

    Source: the post "Human Face Image Generation, part 1" (daniilvinn.github.io, 2025); parameters counted from its
        layer list: encoder 29.05 M, decoder 38.39 M.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent))
        self.register_buffer("latent_std", torch.ones(config.latent))

    def encode(self, image: Tensor) -> Posterior:
        """Posterior of the code, not normalised.

        Args:
            image: (B, 3, S, S) float, RGB in [-1, 1].
        """
        return Posterior(*self.encoder(image))

    def decode(self, latent: Tensor) -> Tensor:
        """Picture of a code that is not normalised: (B, D) to (B, 3, S, S) float32 in about [-1, 1]."""
        return torch.as_tensor(self.decoder(latent))

    def normalise(self, latent: Tensor) -> Tensor:
        """Code to mean 0 and variance 1 over the training pictures, number by number."""
        return (latent - self.latent_mean) / self.latent_std

    def denormalise(self, latent: Tensor) -> Tensor:
        """Undoes `normalise`."""
        return latent * self.latent_std + self.latent_mean

    def forward(self, image: Tensor) -> Tensor:
        """The picture from the mean of its code."""
        return self.decode(self.encode(image).mean)
