"""IResNet: the residual body of ArcFace."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import FastPReLU


class IBasicBlock(nn.Module):
    """bn1, conv3x3, bn2, PReLU, conv3x3 with the stride, bn3, plus the shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = FastPReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        same = stride == 1 and in_channels == channels
        self.downsample = (
            None
            if same
            else nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        if self.downsample is None:
            return out + x
        # Subsampling first is the same sum; oneDNN crashes in the gradient of a small strided 1x1, channels last
        # (torch 2.13).
        conv, norm = self.downsample
        thinned = F.max_pool2d(x, 1, conv.stride[0]) if conv.stride[0] > 1 else x
        return out + norm(F.conv2d(thinned, conv.weight))


class IResNet(nn.Module):
    """IResNet with the flattened head of ArcFace.

    Args:
        depths: units per stage.
        widths: channels per stage.
        strides: stride of each stage's first unit.
        stem_width: channels of the first convolution.
        stem_stride: its stride.
        head_channels: 1x1 reduction before the flattening; 0 for none.
        side: side of the last stage's map in pixels.
        embedding: width of the output.

    Source: deepinsight/insightface recognition/arcface_torch/backbones/iresnet.py (depths 3, 4, 14, 3 = r50).
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        stem_width: int,
        stem_stride: int,
        head_channels: int,
        side: int,
        embedding: int,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem_width, 3, stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_width)
        self.prelu = FastPReLU(stem_width)
        channels = stem_width
        for index, (depth, width, stride) in enumerate(zip(depths, widths, strides, strict=True), start=1):
            units = [IBasicBlock(channels if i == 0 else width, width, stride if i == 0 else 1) for i in range(depth)]
            setattr(self, f"layer{index}", nn.Sequential(*units))
            channels = width
        self.stages = len(depths)
        self.bn2 = nn.BatchNorm2d(channels)
        self.reduce: nn.Module = nn.Identity()
        if head_channels:
            self.reduce = nn.Sequential(
                nn.Conv2d(channels, head_channels, 1, bias=False), nn.BatchNorm2d(head_channels)
            )
            channels = head_channels
        self.fc = nn.Linear(channels * side * side, embedding)
        self.features = nn.BatchNorm1d(embedding)
        # The embedding's scale carries no meaning under a cosine loss: gamma stays 1, as in the source.
        self.features.weight.requires_grad_(False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.1)
            elif isinstance(module, IBasicBlock):
                nn.init.ones_(module.bn3.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        for index in range(1, self.stages + 1):
            x = getattr(self, f"layer{index}")(x)
        x = self.reduce(self.bn2(x))
        # contiguous: fc's weights are in NCHW order whatever the memory format
        out: Tensor = self.features(self.fc(torch.flatten(x.contiguous(), 1)))
        return out
