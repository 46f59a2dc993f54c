"""Building blocks that several networks share."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["batch", "group", "none"]


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """A normalisation over `channels`; "none" is the identity, "group" uses groups of 8 channels at least."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(math.gcd(channels, max(1, channels // 8)), channels)
    return nn.Identity()


class FastPReLU(nn.PReLU):
    """PReLU per channel, in training as a difference of two ReLUs: the same function, and on a CPU its gradient is
    several times cheaper than that of torch's own kernel (measured with torch 2.13: 40 % of a step of an IResNet). So
    does a frozen net in a training step, whose data are half floats or have a gradient.

    Source: He et al. 2015, eq. 1 (arXiv:1502.01852).
    """

    def forward(self, input: Tensor) -> Tensor:
        plain = not self.training and not input.requires_grad and input.dtype == torch.float32
        # Exporters know PReLU as one op.
        if plain or torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
            return super().forward(input)
        slope = self.weight.to(input.dtype).view(1, -1, *(1,) * (input.dim() - 2))
        return F.relu(input) - slope * F.relu(-input)


class EqualLinear(nn.Module):
    """Linear layer with a learning rate equalised at run time.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        gain: numerator of the run-time multiplier gain / sqrt(in_features).
        lr_mul: learning rate multiplier, on weight and bias.
        bias_init: initial value of the (scaled) bias.
        equalized: False gives a plain linear layer with the same variance at the start.

    Source: Karras et al. 2018, section 4.1 (arXiv:1710.10196); NVlabs/stylegan training/networks_stylegan.py,
        get_weight.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gain: float = 1.0,
        lr_mul: float = 1.0,
        bias_init: float = 0.0,
        equalized: bool = True,
    ) -> None:
        super().__init__()
        std = gain / math.sqrt(in_features)
        self.scale = std * lr_mul if equalized else 1.0
        self.lr_mul = lr_mul if equalized else 1.0
        self.weight = nn.Parameter(torch.randn(out_features, in_features) * ((1.0 / lr_mul) if equalized else std))
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / self.lr_mul))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)


class EqualConv2d(nn.Module):
    """Square convolution with a learning rate equalised at run time; padding keeps the size at stride 1.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel_size: odd.
        gain: numerator of the run-time multiplier gain / sqrt(fan_in).
        bias: add a bias.
        equalized: False gives a plain convolution with the same variance at the start.

    Source: as EqualLinear.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        gain: float = math.sqrt(2.0),
        bias: bool = True,
        equalized: bool = True,
    ) -> None:
        super().__init__()
        std = gain / math.sqrt(in_channels * kernel_size**2)
        self.scale = std if equalized else 1.0
        self.padding = kernel_size // 2
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels, kernel_size, kernel_size) * (1.0 if equalized else std)
        )
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def scaled_weight(self) -> Tensor:
        """The weight that the convolution uses, (out, in, k, k)."""
        return self.weight * self.scale if self.scale != 1.0 else self.weight

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.scaled_weight(), self.bias, padding=self.padding)


class SqueezeExcite(nn.Module):
    """Channel gate from the picture's mean. Source: Hu et al. 2018, eqs. 2-4 (arXiv:1709.01507)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation, ReLU; depthwise + pointwise when `separable`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, separable: bool = False
    ) -> None:
        padding = kernel_size // 2
        if separable:
            layers: list[nn.Module] = [
                nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, bias=False),
                nn.BatchNorm2d(in_channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
            ]
        else:
            layers = [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)]
        super().__init__(*layers, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity shortcut. Source: He et al. 2016, fig. 2 (arXiv:1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


def parameter_count(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in module.parameters())
