"""Style decoder: StyleGAN1's synthesis network with shortcuts for the target's features."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from train.models.layers import EqualConv2d
from train.models.style_swap.config import DecoderConfig, StyleSwapConfig
from train.models.style_swap.shape import CHANNELS
from train.models.style_swap.shortcut import TargetShortcut
from train.models.style_swap.synthesis import StyleLayer, upsample_block_input

Noise = Literal["random", "fixed"]


class DecoderAux(NamedTuple):
    """What the shortcuts did, for supervision and for looking at; one entry per shortcut, none where it is off.

    Attributes:
        gates: (B, 1, r, r) in [0, 1], 1 = the target's feature is let through.
        flows: (B, 2, r, r) x, y offsets, share of the picture.
    """

    gates: tuple[Tensor, ...]
    flows: tuple[Tensor, ...]


class DecoderBlock(nn.Module):
    """Two style layers at one resolution; the first block starts from a learned constant instead of a convolution."""

    def __init__(self, index: int, config: DecoderConfig, style_dim: int) -> None:
        super().__init__()
        channels = config.channels[index]
        below = config.channels[index - 1] if index else channels
        resolution = config.resolutions[index]
        self.first = index == 0
        self.config = config
        if self.first:
            shape = (1, channels, resolution, resolution)
            self.const = nn.Parameter(torch.ones(shape) if config.const_init == "ones" else torch.randn(shape))
        self.layer0 = StyleLayer(below, channels, resolution, style_dim, config, up=not self.first, conv=not self.first)
        self.layer1 = StyleLayer(channels, channels, resolution, style_dim, config, up=False, conv=True)
        self.skip = (
            EqualConv2d(below, channels, 1, gain=1.0, bias=False, equalized=config.equalized_lr)
            if config.residual and not self.first and below != channels
            else None
        )

    def forward(self, x: Tensor | None, styles: tuple[Tensor, Tensor], noise: Noise) -> Tensor:
        if x is None:
            x = self.const.expand(styles[0].shape[0], -1, -1, -1)
        y = self.layer1(self.layer0(x, styles[0], noise), styles[1], noise)
        if not self.config.residual:
            return y
        base = x if self.skip is None else self.skip(x)
        return (y + (base if self.first else upsample_block_input(base))) * math.sqrt(0.5)


class Decoder(nn.Module):
    """Style codes and target features to a picture.

    Args:
        config: of the whole generator.

    Source: seed 000, section 2.3 and eq. 4; Karras et al. 2019 (arXiv:1812.04948), NVlabs/stylegan
        training/networks_stylegan.py; decisions: specification A3, A4.
    """

    def __init__(self, config: StyleSwapConfig) -> None:
        super().__init__()
        self.config = config
        dec = config.decoder
        self.blocks = nn.ModuleList(DecoderBlock(i, dec, config.encoder.style_dim) for i in range(len(dec.channels)))
        channels = dict(zip(dec.resolutions, dec.channels, strict=True))
        maps = CHANNELS if config.shape.code else 0
        self.shortcuts = nn.ModuleDict(
            {str(r): TargetShortcut(config.feature_channels[r], channels[r], dec, maps) for r in dec.shortcuts}
        )
        self.to_rgb = EqualConv2d(dec.channels[-1], 4 if dec.mask_head else 3, 1, gain=1.0, equalized=dec.equalized_lr)

    def forward(
        self,
        codes: Tensor,
        features: list[Tensor] | tuple[Tensor, ...],
        noise: Noise = "fixed",
        maps: tuple[Tensor, ...] = (),
    ) -> tuple[Tensor, Tensor | None, DecoderAux]:
        """Synthesises.

        Args:
            codes: (B, L, D).
            features: one (B, C_r, r, r) per shortcut, in the order of `config.decoder.shortcuts`.
            noise: "fixed" takes the stored noise pictures, "random" draws new ones.
            maps: of the shape path, one (B, CHANNELS, r, r) per shortcut; none without such a path.

        Returns:
            image (B, 3, S, S), about [-1, 1], not clipped; mask logit (B, 1, S, S) or None; what the shortcuts did.
        """
        dec = self.config.decoder
        given = dict(zip(dec.shortcuts, features, strict=True))
        led = dict(zip(dec.shortcuts, maps, strict=True)) if self.config.shape.code else {}
        gates: list[Tensor] = []
        flows: list[Tensor] = []
        x: Tensor | None = None
        for i, (block, resolution) in enumerate(zip(self.blocks, dec.resolutions, strict=True)):
            x = block(x, (codes[:, 2 * i], codes[:, 2 * i + 1]), noise)
            if resolution in given:
                x, gate, flow = self.shortcuts[str(resolution)](x, given[resolution], led.get(resolution))
                gates += [gate] if gate is not None else []
                flows += [flow] if flow is not None else []
        out = self.to_rgb(x).float()
        mask = out[:, 3:] if dec.mask_head else None
        return out[:, :3], mask, DecoderAux(tuple(gates), tuple(flows))
