"""Target shortcut: how a feature of the target enters the decoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.style_swap.config import DecoderConfig
from train.ops.pictures_last import sample_rows


def warp(feature: Tensor, flow: Tensor) -> Tensor:
    """Takes each pixel from where the flow points.

    Args:
        feature: (B, C, H, W).
        flow: (B, 2, H, W) x, y offsets, share of the picture; 0 copies.

    Returns:
        (B, C, H, W); places outside take the border.
    """
    height, width = feature.shape[-2:]
    x = (torch.arange(width, dtype=torch.float32, device=flow.device) * 2 + 1) / width - 1
    y = (torch.arange(height, dtype=torch.float32, device=flow.device) * 2 + 1) / height - 1
    # grid_sample counts the picture as [-1, 1]: a share of the picture is two of its units.
    grid = torch.stack([x[None, None, :] + 2 * flow[:, 0], y[None, :, None] + 2 * flow[:, 1]], dim=-1)
    return F.grid_sample(feature.float(), grid, mode="bilinear", padding_mode="border", align_corners=False).to(
        feature.dtype
    )


def warp_in_training(feature: Tensor, flow: Tensor) -> Tensor:
    """`warp` by an op that exporters do not take."""
    height, width = feature.shape[-2:]
    x = torch.arange(width, dtype=torch.float32, device=flow.device) + width * flow[:, 0]
    y = torch.arange(height, dtype=torch.float32, device=flow.device)[:, None] + height * flow[:, 1]
    return sample_rows(feature, x, y)


class TargetShortcut(nn.Module):
    """1x1 convolution that starts at zero, so that a pre-trained decoder is untouched at step 0.

    Args:
        feature_channels: channels of the target's feature.
        channels: channels of the decoder's activation.
        config: which extensions are on.
        maps: channels of the shape path's maps; 0 without one.

    Source: seed 000, section 2.3 ("short pathway"); zero start: specification A4. Warp and gate are extensions for
        small models, against the target's geometry coming through (training calibration, trap 2).
    """

    def __init__(self, feature_channels: int, channels: int, config: DecoderConfig, maps: int = 0) -> None:
        super().__init__()
        self.warp_range = config.warp_range
        self.conv = nn.Conv2d(feature_channels, channels, 1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        self.flow: nn.Conv2d | None = None
        self.gate_activation: nn.Conv2d | None = None
        self.gate_feature: nn.Conv2d | None = None
        if config.shortcut_warp:
            self.flow = nn.Conv2d(channels, 2, 3, padding=1)
            nn.init.zeros_(self.flow.weight)
            nn.init.zeros_(self.flow.bias)  # type: ignore[arg-type]
        if config.shortcut_gate:
            # Two convolutions with one output each are one convolution of the concatenation, without the copy.
            self.gate_activation = nn.Conv2d(channels, 1, 3, padding=1)
            self.gate_feature = nn.Conv2d(feature_channels, 1, 1, bias=False)
            nn.init.constant_(self.gate_activation.bias, 1.0)  # type: ignore[arg-type]
        self.maps: nn.Conv2d | None = None
        if maps:
            self.maps = nn.Conv2d(maps, channels, 1, bias=False)
            nn.init.zeros_(self.maps.weight)
            # Measured on a trained generator: half of it helps at once, all is more than its own flow leaves to do.
            self.lead = nn.Parameter(torch.full((1,), 0.5))

    def forward(
        self, x: Tensor, feature: Tensor, maps: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Adds the feature to the activation.

        Args:
            x: (B, C, r, r) activation.
            feature: (B, F, r, r) of the target.
            maps: (B, M, r, r) of the shape path; its flow, the first two, leads the shortcut's own.

        Returns:
            The sum (B, C, r, r), the gate (B, 1, r, r) or None, the flow (B, 2, r, r) in shares of the picture or None.
        """
        flow: Tensor | None = None
        reach, opening = self._read(x)
        if reach is not None and self.flow is not None:
            # Over sqrt(fan-in): Adam moves all weights alike, and a sum of 1,700 would be at its limit in a few steps.
            flow = torch.tanh(reach.float() / math.sqrt(self.flow.weight[0].numel())) * self.warp_range
            if self.maps is not None and maps is not None:
                flow = flow + self.lead * maps[:, :2]
            feature = warp_in_training(feature, flow) if self.training else warp(feature, flow)
        added = self.conv(feature)
        if self.maps is not None and maps is not None:
            x = x + self.maps(maps.to(x.dtype))
        if opening is None or self.gate_feature is None:
            return x + added, None, flow
        gate = torch.sigmoid((opening + self.gate_feature(feature)).float())
        return x + gate.to(x.dtype) * added, gate, flow

    def _read(self, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """What the activation says of the flow (B, 2, r, r) and of the gate (B, 1, r, r)."""
        flow, gate = self.flow, self.gate_activation
        if not self.training or flow is None or gate is None or flow.bias is None or gate.bias is None:
            return None if flow is None else flow(x), None if gate is None else gate(x)
        # One convolution reads x once, forward and backward. Graphs keep the two that they have always had.
        weight, bias = torch.cat([flow.weight, gate.weight]), torch.cat([flow.bias, gate.bias])
        reach, opening = F.conv2d(x, weight, bias, padding=1).split([2, 1], 1)
        return reach, opening
