"""Attribute encoder: IR-SE body, feature pyramid, style heads. One set of weights for source and target."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import EqualLinear, Norm, SqueezeExcite, make_norm
from train.models.style_swap.config import StyleSwapConfig, head_depth


def _activation(kind: str, channels: int) -> nn.Module:
    return nn.PReLU(channels) if kind == "prelu" else nn.LeakyReLU(0.2)


def _upsample(x: Tensor, like: Tensor) -> Tensor:
    # Autocast would do it in float32: at these widths that is a tenth of the encoder's training step.
    with torch.autocast(x.device.type, enabled=False):
        return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


class IRSEUnit(nn.Module):
    """norm, conv3x3, PReLU, conv3x3 with the stride, norm, squeeze-excite, plus the shortcut.

    Source: eladrich/pixel2style2pixel models/encoders/helpers.py, bottleneck_IR_SE.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, norm: Norm, activation: str) -> None:
        super().__init__()
        bias = norm == "none"
        self.res_layer = nn.Sequential(
            make_norm(norm, in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=bias),
            _activation(activation, channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=bias),
            make_norm(norm, channels),
            SqueezeExcite(channels),
        )
        self.shortcut_layer: nn.Module = (
            (nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity())
            if in_channels == channels
            else nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=bias), make_norm(norm, channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


def _head_convs(in_channels: int, width: int, side: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(head_depth(side)):
        layers += [nn.Conv2d(in_channels if i == 0 else width, width, 3, 2, 1), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers)


class StyleHead(nn.Module):
    """Stride-2 convolutions down to one pixel, then one linear layer per style element.

    Source: seed 000 section 2.1; eladrich/pixel2style2pixel models/encoders/psp_encoders.py, GradualStyleBlock.
    """

    def __init__(self, in_channels: int, width: int, side: int, style_dim: int, styles: int, equalized: bool) -> None:
        super().__init__()
        self.convs = _head_convs(in_channels, width, side)
        self.linear = EqualLinear(width, styles * style_dim, equalized=equalized)
        self.shape = (styles, style_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1)).unflatten(1, self.shape)


class Encoder(nn.Module):
    """Picture to style codes and target features.

    Args:
        config: of the whole generator; the decoder's shortcuts say which features are handed over.

    Source: seed 000, section 2.1; decisions: specification A1.
    """

    def __init__(self, config: StyleSwapConfig) -> None:
        super().__init__()
        self.config = config
        enc = config.encoder
        bias = enc.norm == "none"
        width = enc.widths[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, width, 3, enc.stem_stride, 1, bias=bias),
            make_norm(enc.norm, width),
            _activation(enc.activation, width),
        )
        units: list[nn.Module] = []
        self.stage_ends: list[int] = []
        channels = width
        for depth, out, stride in zip(enc.stage_depths, enc.widths, enc.stage_strides, strict=True):
            for i in range(depth):
                units.append(
                    IRSEUnit(channels if i == 0 else out, out, stride if i == 0 else 1, enc.norm, enc.activation)
                )
            channels = out
            self.stage_ends.append(len(units) - 1)
        self.body = nn.ModuleList(units)
        fpn = enc.fpn_width
        self.latlayer1 = nn.Conv2d(enc.widths[-2], fpn, 1)
        self.latlayer2 = nn.Conv2d(enc.widths[-3], fpn, 1)
        heads: list[nn.Module] = []
        self.level_heads: list[int] = []
        for side, styles in zip(reversed(config.stage_sizes[-3:]), enc.styles_per_level, strict=True):
            side = min(side, enc.head_size or side)
            per_head = 1 if enc.heads == "separate" else styles
            count = styles // per_head
            heads += [
                StyleHead(fpn, enc.head_width, side, enc.style_dim, per_head, enc.equalized_lr) for _ in range(count)
            ]
            self.level_heads.append(count)
        self.styles = nn.ModuleList(heads)
        # Mean style of a pre-trained decoder: the heads predict offsets from it.
        self.register_buffer("w_avg", torch.zeros(1, enc.styles, enc.style_dim))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encodes pictures.

        Args:
            image: (B, 3, S, S) float, RGB in [-1, 1], template "canon".

        Returns:
            codes (B, L, D), coarse elements first, and one feature (B, C_r, r, r) per decoder shortcut r.
        """
        x = self.input_layer(image)
        stages: list[Tensor] = []
        for i, unit in enumerate(self.body):
            x = unit(x)
            if i in self.stage_ends:
                stages.append(x)
        p3 = stages[-1]
        p2 = self.latlayer1(stages[-2]) + _upsample(p3, stages[-2])
        p1 = self.latlayer2(stages[-3]) + _upsample(p2, stages[-3])
        codes, head = [], 0
        for level, count in zip((p3, p2, p1), self.level_heads, strict=True):
            side = self.config.encoder.head_size
            pooled = F.avg_pool2d(level, level.shape[-1] // side) if side and level.shape[-1] > side else level
            for module in self.styles[head : head + count]:
                codes.append(module(pooled))
            head += count
        sizes = self.config.stage_sizes
        found = {sizes[stage - 1]: stages[stage - 1] for stage in self.config.encoder.body_features}
        found |= dict(zip(sizes[-3:], (p1, p2, p3), strict=True))
        return torch.cat(codes, 1).float() + self.w_avg, [found[r] for r in self.config.decoder.shortcuts]
