"""Heads that read the rendered world's true parameters from style codes; for training only."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class CodeHeadsConfig:
    """Sizes of the heads.

    Attributes:
        styles: style elements per code.
        style_dim: width of an element.
        identity_dim: width of the identity vector.
        attribute_dim: width of the attribute vector (pose, expression, light).
        hidden: width of the hidden layer; 0 for linear heads.
    """

    styles: int
    style_dim: int
    identity_dim: int
    attribute_dim: int
    hidden: int = 256


class CodeHeads(nn.Module):
    """Two small networks on the flattened code: who it is, and how it is shown.

    Args:
        config: sizes.
    """

    def __init__(self, config: CodeHeadsConfig) -> None:
        super().__init__()
        self.config = config
        self.identity = self._head(config, config.identity_dim)
        self.attributes = self._head(config, config.attribute_dim)

    @staticmethod
    def _head(config: CodeHeadsConfig, out: int) -> nn.Sequential:
        width = config.styles * config.style_dim
        if not config.hidden:
            return nn.Sequential(nn.Flatten(), nn.Linear(width, out))
        return nn.Sequential(
            nn.Flatten(), nn.Linear(width, config.hidden), nn.LeakyReLU(0.2), nn.Linear(config.hidden, out)
        )

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D) codes to the identity vector (B, K) and the attribute vector (B, A), float32."""
        return self.identity(codes).float(), self.attributes(codes).float()
