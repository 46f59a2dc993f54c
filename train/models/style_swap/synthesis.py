"""One layer of StyleGAN1's synthesis: convolution, noise, leaky ReLU, AdaIN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.layers import EqualConv2d, EqualLinear
from train.models.style_swap.config import DecoderConfig
from train.ops.adain import adain as adain_op
from train.ops.adain import can_fuse

SLOPE = 0.2
"""Of the leaky ReLU."""


def blur(x: Tensor) -> Tensor:
    """[1, 2, 1] x [1, 2, 1] / 16 on every channel, zeros outside; (B, C, H, W)."""
    row = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4.0
    channels = x.shape[1]
    kernel = (row[:, None] * row[None, :]).expand(channels, 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=channels)


def fused_upsample_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Upsampling by two and a 3x3 convolution as one transposed convolution.

    Args:
        x: (B, C, H, W).
        weight: (O, C, 3, 3), scaled.

    Returns:
        (B, O, 2H, 2W): the nearest-neighbour picture convolved with the weight turned by 180 degrees.

    Source: NVlabs/stylegan training/networks_stylegan.py, upscale2d_conv2d: the 4x4 kernel is the sum of four shifts by
        one pixel.
    """
    padded = F.pad(weight, (1, 1, 1, 1))
    kernel = padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]
    return F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=1)


def upsample_block_input(x: Tensor) -> Tensor:
    """Bilinear upsampling by two, in x's dtype."""
    # Autocast would do it in float32, and all that is added to it after that.
    with torch.autocast(x.device.type, enabled=False):
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def adain(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, fused: bool = False) -> Tensor:
    """Adaptive instance normalisation.

    Args:
        x: (B, C, H, W); its statistics are taken in float32.
        gamma: (B, C) scale.
        beta: (B, C) shift.
        epsilon: added to the variance.
        fused: same values by one batch normalisation over B * C channels: 3 to 10 times as fast on a CPU, forward and
            backward, but exporters do not take it with a dynamic batch.

    Returns:
        (B, C, H, W) in x's dtype.

    Source: seed 000, eq. 4; V[x] is the standard deviation, and epsilon sits under the root as in StyleGAN1.
    """
    if fused:
        batch, channels, height, width = x.shape
        flat = x.reshape(1, batch * channels, height, width)
        out = F.batch_norm(
            flat, None, None, gamma.float().reshape(-1), beta.float().reshape(-1), training=True, eps=epsilon
        )
        return out.view(batch, channels, height, width)
    wide = x.float()
    variance, mean = torch.var_mean(wide, dim=(2, 3), keepdim=True, correction=0)
    scale = torch.rsqrt(variance + epsilon) * gamma.float()[:, :, None, None]
    # One multiply and one add per pixel instead of three passes.
    return (wide * scale + (beta.float()[:, :, None, None] - mean * scale)).to(x.dtype)


class StyleLayer(nn.Module):
    """[upsample] convolution [blur], noise, bias, leaky ReLU 0.2, AdaIN.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        resolution: side of the output.
        style_dim: width of a style element.
        config: switches of the decoder.
        up: double the resolution.
        conv: False in the first layer, which only styles the constant.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resolution: int,
        style_dim: int,
        config: DecoderConfig,
        up: bool,
        conv: bool,
    ) -> None:
        super().__init__()
        self.config = config
        self.up = up
        self.fused = up and not config.late_upsample and config.fused_from > 0 and resolution >= config.fused_from
        self.conv = (
            EqualConv2d(in_channels, out_channels, 3, bias=False, equalized=config.equalized_lr) if conv else None
        )
        self.noisy = resolution <= config.noise_up_to
        if self.noisy:
            self.noise_weight = nn.Parameter(torch.zeros(out_channels))
            self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.style = EqualLinear(style_dim, 2 * out_channels, gain=1.0, equalized=config.equalized_lr)

    def _convolve(self, x: Tensor) -> Tensor:
        assert self.conv is not None
        if not self.up:
            out: Tensor = self.conv(x)
            return out
        if self.config.late_upsample:
            x = upsample_block_input(self.conv(x))
        elif self.fused:
            x = fused_upsample_conv(x, self.conv.scaled_weight())
        else:
            x = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return blur(x) if self.config.blur else x

    def forward(self, x: Tensor, style: Tensor, noise: str) -> Tensor:
        if self.conv is not None:
            x = self._convolve(x)
        grain = self._grain(x, noise) if self.noisy else None
        scale, shift = self.style(style * self.config.style_gain).chunk(2, dim=-1)
        # gamma = s0 + 1: a zero style leaves the normalised picture as it is.
        gamma, weight = scale + 1.0, self.noise_weight if self.noisy else None
        # Exporters see the standard ops.
        if self.training and can_fuse(x):
            return adain_op(x, gamma, shift, grain, weight, self.bias, SLOPE, self.config.epsilon)
        if grain is not None and weight is not None:
            x = x + grain * weight.to(x.dtype)[:, None, None]
        x = F.leaky_relu(x + self.bias.to(x.dtype)[:, None, None], SLOPE)
        return adain(x, gamma, shift, self.config.epsilon, fused=self.training)

    def _grain(self, x: Tensor, noise: str) -> Tensor:
        """(B or 1, 1, H, W) in x's dtype."""
        if noise == "random":
            return torch.randn(x.shape[0], 1, x.shape[2], x.shape[3], dtype=x.dtype, device=x.device)
        stored: Tensor = self.noise
        return stored.to(x.dtype)
