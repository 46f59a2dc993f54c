"""What a recipe gives to the loop: the modules to train, the batches, the losses, the evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation settings, the same for every net.

    Attributes:
        steps: optimiser steps in all.
        batch_size: samples a step and process.
        learning_rate: peak of the cosine.
        final_share: learning rate at the end, as a share of the peak.
        warmup_steps: linear warm-up.
        betas: AdamW.
        weight_decay: AdamW, on matrices and kernels only.
        ema: decay of the averaged weights, which are what is saved.
        clip: largest gradient norm.
        eval_every: steps between evaluations and sample grids.
        save_every: steps between resume states.
        precision: "bf16" or "no".
        compile: torch.compile the networks.
    """

    steps: int
    batch_size: int
    learning_rate: float
    final_share: float = 0.02
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    ema: float = 0.998
    clip: float = 1.0
    eval_every: int = 500
    save_every: int = 500
    precision: str = "bf16"
    compile: bool = False


def with_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """A training of another length; a short one is warm after a tenth of its steps at the latest."""
    return replace(config, steps=steps, warmup_steps=min(config.warmup_steps, max(1, steps // 10)))


@dataclass(frozen=True)
class StepOutput:
    """What one forward pass gives.

    Attributes:
        losses: weighted terms; their sum is minimised.
        logs: further scalars worth a curve.
        fake: pictures for the discriminator, (B, 3, S, S), or None.
        real: pictures to hold against them.
    """

    losses: dict[str, Tensor]
    logs: dict[str, Tensor]
    fake: Tensor | None = None
    real: Tensor | None = None


class Recipe(Protocol):
    """One net's training."""

    family: str
    net: str
    preset: str
    config: TrainConfig
    data_options: dict[str, Any]
    # forward(batch, progress) -> StepOutput; holds .network and what is trained beside it.
    module: nn.Module
    # The network that is saved, inside `module`.
    network: nn.Module
    network_config: Any
    # forward(real, fake) -> discriminator loss; None when nothing is adversarial.
    discriminator: nn.Module | None

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        """A training batch; the same generator state and progress (share of the steps done) give the same batch."""
        ...

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation split."""
        ...

    def grid(self, network: nn.Module) -> NDArray[np.uint8] | None:
        """A picture worth looking at, (H, W, 3)."""
        ...
