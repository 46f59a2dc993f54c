"""Style blending module: two crossed attention streams decide, per style element and channel, whose code is kept."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.style_swap.config import StyleSwapConfig


def attend_in_training(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention in plain products: the gradient of torch's own takes ten times as long for a dozen elements."""
    scores = torch.matmul(query / math.sqrt(query.shape[-1]), key.transpose(-1, -2))
    return torch.matmul(torch.softmax(scores, -1), value)


class CrossAttention(nn.Module):
    """Multi-head attention of one stream, whose queries come from the other picture."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, dim)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, other: Tensor, own: Tensor) -> Tensor:
        """(B, L, D) queries' stream and keys' and values' stream, both normalised, to (B, L, D)."""
        # Eq. 1: A^t = softmax(q_s k_t^T / sqrt(d)) v_t, and the same with s and t exchanged.
        query, key, value = self._split(self.query(other)), self._split(self.key(own)), self._split(self.value(own))
        attend = attend_in_training if self.training else F.scaled_dot_product_attention
        mixed = attend(query, key, value)
        out: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return out


class BlendingLayer(nn.Module):
    """One crossed layer with separate weights per stream; returns the two updates, not yet added."""

    def __init__(self, dim: int, heads: int, ffn_ratio: int) -> None:
        super().__init__()
        self.norm_target = nn.LayerNorm(dim)
        self.norm_source = nn.LayerNorm(dim)
        self.attend_target = CrossAttention(dim, heads)
        self.attend_source = CrossAttention(dim, heads)
        self.ffn_target = self._ffn(dim, ffn_ratio)
        self.ffn_source = self._ffn(dim, ffn_ratio)

    @staticmethod
    def _ffn(dim: int, ratio: int) -> nn.Sequential | None:
        if not ratio:
            return None
        return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim))

    def zero_outputs(self) -> None:
        """Makes both updates zero at the start."""
        for attention in (self.attend_target, self.attend_source):
            nn.init.zeros_(attention.output.weight)
            nn.init.zeros_(attention.output.bias)
        for ffn in (self.ffn_target, self.ffn_source):
            if ffn is not None:
                nn.init.zeros_(ffn[-1].weight)
                nn.init.zeros_(ffn[-1].bias)

    def forward(self, target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        t, s = self.norm_target(target), self.norm_source(source)
        update_t = self.attend_target(s, t)
        update_s = self.attend_source(t, s)
        if self.ffn_target is not None and self.ffn_source is not None:
            update_t = update_t + self.ffn_target(target + update_t)
            update_s = update_s + self.ffn_source(source + update_s)
        return update_t, update_s


class Blending(nn.Module):
    """Blended code W' = g W_t + (1 - g) W_s.

    Args:
        config: of the whole generator.

    Source: seed 000, eqs. 1-3; decisions (residual streams, one sigmoid, zero start, bias): specification A2.
    """

    def __init__(self, config: StyleSwapConfig) -> None:
        super().__init__()
        styles, dim = config.encoder.styles, config.encoder.style_dim
        blend = config.blending
        self.gate_limit = blend.gate_limit
        self.position = nn.Parameter(torch.randn(1, styles, dim) * 0.02)
        self.layers = nn.ModuleList(BlendingLayer(dim, blend.heads, blend.ffn_ratio) for _ in range(blend.layers))
        self.gate_bias = nn.Parameter(torch.zeros(1, styles, dim))
        self.layers[-1].zero_outputs()  # type: ignore[operator]

    def forward(self, codes_target: Tensor, codes_source: Tensor) -> tuple[Tensor, Tensor]:
        """Blends.

        Args:
            codes_target: (B, L, D), W_t.
            codes_source: (B, L, D), W_s.

        Returns:
            codes (B, L, D), W', and the gate (B, L, D) in [0, 1], 1 = the target's.
        """
        t, s = codes_target + self.position, codes_source + self.position
        update_t = update_s = torch.zeros_like(t)
        for layer in self.layers:
            update_t, update_s = layer(t, s)
            t, s = t + update_t, s + update_s
        # Eq. 2 in one sigmoid, which cannot overflow: e^a / (e^a + e^b) = sigmoid(a - b).
        # A^t and A^s are the last layer's updates.
        logit = (update_t - update_s).float()
        if self.gate_limit:
            logit = self.gate_limit * torch.tanh(logit / (self.gate_limit * math.sqrt(logit.shape[-1])))
        gate = torch.sigmoid(logit + self.gate_bias)
        # Eq. 3 as W_s + g (W_t - W_s): exactly W_t when both codes are equal.
        return codes_source + gate * (codes_target - codes_source), gate
