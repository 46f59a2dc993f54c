"""A recogniser body unlike IResNet, for the judge: plain convolutions and generalised-mean pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import ConvNormAct


class PlainNet(nn.Module):
    """Stages of 3x3 convolutions without shortcuts, GeM pooling over the map, one linear layer.

    Args:
        depths: convolutions per stage.
        widths: channels per stage.
        strides: stride of each stage's first convolution.
        stem_width: channels of the first convolution.
        stem_stride: its stride.
        embedding: width of the output.

    Source: Simonyan and Zisserman 2015 (arXiv:1409.1556) for the body; Radenovic et al. 2018, eq. 3
        (arXiv:1711.02512) for GeM.
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        stem_width: int,
        stem_stride: int,
        embedding: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNormAct(3, stem_width, 3, stem_stride)]
        channels = stem_width
        for depth, width, stride in zip(depths, widths, strides, strict=True):
            for i in range(depth):
                layers.append(ConvNormAct(channels, width, 3, stride if i == 0 else 1))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.exponent = nn.Parameter(torch.tensor(3.0))
        # Where in the face something lies matters: pool four quadrants apart.
        self.fc = nn.Linear(channels * 4, embedding, bias=False)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x).float()
        p = self.exponent.clamp(1.0, 8.0)
        height, width = x.shape[-2:]
        # Two overlapping halves each way, so that an odd side needs no padding.
        window, step = ((height + 1) // 2, (width + 1) // 2), (height // 2, width // 2)
        x = F.avg_pool2d(x.clamp_min(1e-4).pow(p), window, step).pow(1.0 / p)
        out: Tensor = self.features(self.fc(torch.flatten(x.contiguous(), 1)))
        return out
