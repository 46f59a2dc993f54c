"""The velocity net of the flow: an MLP modulated by time, span and condition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class VelocityConfig:
    """Sizes of the velocity net.

    Attributes:
        latent: numbers a face.
        condition: width of the condition vector.
        identity: width of the identity embedding.
        width: of the hidden layers.
        depth: residual blocks.
        frequencies: width of the sinusoids of time.
        time_scale: time is multiplied by this before its sinusoids.
    """

    latent: int = 256
    condition: int = 27
    identity: int = 512
    width: int = 1024
    depth: int = 12
    frequencies: int = 256
    time_scale: float = 1000.0


PRESETS: dict[str, VelocityConfig] = {
    "paper": VelocityConfig(),
    # Slower sinusoids: the derivative by time, which average velocities are trained on, is less noisy. One run each of
    # 1,500 steps: Frechet distance of one step over the floor 6.5 at 1000, 4.4 at 30; the same loss before.
    "nano": VelocityConfig(width=320, depth=6, time_scale=30.0),
    "tiny": VelocityConfig(latent=16, identity=32, width=32, depth=2, frequencies=32),
}


def sinusoids(time: Tensor, width: int, scale: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of time at `width` / 2 frequencies from 1 down to about 1e-4, times `scale`.

    Source: LTH14/mar models/diffloss.py, TimestepEmbedder.
    """
    rates = torch.exp(torch.arange(width // 2, device=time.device) * (-math.log(10_000.0) / (width // 2)))
    angle = scale * time[:, None] * rates
    return torch.cos(angle), torch.sin(angle)


class TimeEmbedding(nn.Module):
    """Sinusoids of time through two layers."""

    def __init__(self, config: VelocityConfig) -> None:
        super().__init__()
        self.config = config
        self.fc1 = nn.Linear(config.frequencies, config.width)
        self.fc2 = nn.Linear(config.width, config.width)
        nn.init.normal_(self.fc1.weight, std=0.02)
        nn.init.normal_(self.fc2.weight, std=0.02)

    def forward(self, time: Tensor) -> Tensor:
        cosines, sines = sinusoids(time, self.config.frequencies, self.config.time_scale)
        return torch.as_tensor(self.fc2(F.silu(self.fc1(torch.cat([cosines, sines], 1)))))


class SpanEmbedding(nn.Module):
    """How far the step goes; exactly zero for no step at all, and for any step before the first update.

    So plain flow matching, which only sees spans of zero, leaves it as it was, and a net trained by it starts as an
    average velocity that equals its instantaneous one.
    """

    def __init__(self, config: VelocityConfig) -> None:
        super().__init__()
        self.config = config
        self.fc1 = nn.Linear(config.frequencies, config.width, bias=False)
        self.fc2 = nn.Linear(config.width, config.width, bias=False)
        nn.init.normal_(self.fc1.weight, std=0.02)
        nn.init.zeros_(self.fc2.weight)

    def forward(self, span: Tensor) -> Tensor:
        cosines, sines = sinusoids(span, self.config.frequencies, self.config.time_scale)
        return torch.as_tensor(self.fc2(F.silu(self.fc1(torch.cat([cosines - 1.0, sines], 1)))))


class ModulatedBlock(nn.Module):
    """Layer norm, shift and scale from the condition, two layers, gate from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)
        self.modulation = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(condition).chunk(3, dim=1)
        y = self.norm(x) * (1 + scale) + shift
        return x + gate * torch.as_tensor(self.fc2(F.silu(self.fc1(y))))


class VelocityNet(nn.Module):
    """Average velocity of the flow from `time` to `end`; of no span, the instantaneous one.

    Path x_t = (1 - t) e + t z from noise e at t = 0 to the normalised latent z at t = 1; velocity z - e. The last layer
    starts at zero.

    Args:
        config: sizes.

    Source: SimpleMLPAdaLN of Li et al. 2024 (arXiv:2406.11838), LTH14/mar models/diffloss.py; the second time as in
        Geng et al. 2025 (arXiv:2505.13447), section 4.3, which embeds (t, t - r).
    """

    def __init__(self, config: VelocityConfig) -> None:
        super().__init__()
        self.config = config
        self.input = nn.Linear(config.latent, config.width)
        self.condition = nn.Linear(config.condition, config.width)
        self.identity = nn.Linear(config.identity, config.width, bias=False)
        for layer in (self.input, self.condition, self.identity):
            nn.init.xavier_uniform_(layer.weight)
        self.time = TimeEmbedding(config)
        self.span = SpanEmbedding(config)
        self.blocks = nn.ModuleList(ModulatedBlock(config.width) for _ in range(config.depth))
        for block in self.blocks:
            nn.init.xavier_uniform_(block.fc1.weight)
            nn.init.xavier_uniform_(block.fc2.weight)
        self.norm = nn.LayerNorm(config.width, eps=1e-6, elementwise_affine=False)
        self.modulation = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.latent)
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, time: Tensor, end: Tensor, condition: Tensor, identity: Tensor) -> Tensor:
        """Velocity.

        Args:
            x: (B, D) point of the path at `time`.
            time: (B,) in [0, 1].
            end: (B,) in [time, 1]; `time` asks for the instantaneous velocity.
            condition: (B, C) condition vector; zeros say nothing.
            identity: (B, E) embedding of unit length; zeros say nothing.

        Returns:
            (B, D).
        """
        # sqrt(E): a unit vector scaled to unit variance per channel, the size that a linear layer expects.
        person = self.identity(identity * self.config.identity**0.5)
        y = F.silu(self.time(time) + self.span(end - time) + self.condition(condition) + person)
        h = self.input(x)
        for block in self.blocks:
            h = block(h, y)
        shift, scale = self.modulation(y).chunk(2, dim=1)
        return torch.as_tensor(self.out(self.norm(h) * (1 + scale) + shift))
