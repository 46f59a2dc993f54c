"""Heads that read the rendered world's true parameters from style codes; for training only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class CodeHeadsConfig:
    """Sizes of the heads.

    Attributes:
        styles: style elements per code.
        style_dim: width of an element.
        identity_dim: width of the identity vector.
        attribute_dim: width of the attribute vector (pose, expression, light).
        embedding_dim: width of a recogniser's embedding; 0 without one.
    """

    styles: int
    style_dim: int
    identity_dim: int
    attribute_dim: int
    embedding_dim: int = 0


class CodeReading(NamedTuple):
    """What the heads read from a code, float32.

    Attributes:
        identity: (B, K), standardised: in standard deviations from the mean.
        attributes: (B, A), standardised.
        embedding: (B, E) or None.
    """

    identity: Tensor
    attributes: Tensor
    embedding: Tensor | None


class CodeHeads(nn.Module):
    """Linear maps of the flattened code: who it is, and how it is shown. Linear, so that the code itself says it.

    Args:
        config: sizes.
    """

    def __init__(self, config: CodeHeadsConfig) -> None:
        super().__init__()
        self.config = config
        width = config.styles * config.style_dim
        self.identity = nn.Linear(width, config.identity_dim)
        self.attributes = nn.Linear(width, config.attribute_dim)
        self.embedding = nn.Linear(width, config.embedding_dim) if config.embedding_dim else None
        for name, size in (("identity", config.identity_dim), ("attribute", config.attribute_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))

    def set_statistics(self, identity: Tensor, attributes: Tensor) -> None:
        """Takes mean and deviation of the training set, (N, K) and (N, A).

        In their own units a squint of 0.05 and a turned head of 1.0 weigh as 1 to 400, and the squint is not learned.
        """
        for name, values in (("identity", identity), ("attribute", attributes)):
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            # What never changes stays at zero.
            getattr(self, f"{name}_deviation").copy_(values.std(0).clamp_min(1e-3))

    def standardise(self, identity: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """True vectors (B, K) and (B, A) in the units that the heads predict."""
        return (
            (identity - self.identity_mean) / self.identity_deviation,
            (attributes - self.attribute_mean) / self.attribute_deviation,
        )

    def forward(self, codes: Tensor) -> CodeReading:
        """(B, L, D) codes to what they say."""
        flat = codes.flatten(1)
        embedding = None if self.embedding is None else self.embedding(flat).float()
        return CodeReading(self.identity(flat).float(), self.attributes(flat).float(), embedding)
