"""Perceptual loss: pictures are compared where a network has looked at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from facesdk.errors import InputError

Distance = Literal["l1", "l2"]


class StageFeatures(nn.Module):
    """What a frozen network knows of a picture after each of its stages.

    Args:
        stages: run one after another.
        prepare: picture (B, 3, S, S) in [-1, 1] to what the first stage takes: crop, size, scale.
    """

    def __init__(self, stages: Sequence[nn.Module], prepare: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.prepare = prepare
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> StageFeatures:
        """Stays in evaluation mode: a judge does not learn."""
        return super().train(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """One (B, C, h, w) map a stage, differentiable to the picture."""
        x = picture if self.prepare is None else self.prepare(picture)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class PerceptualLoss:
    """Distance of two pictures in the features of a network; the network is no part of what is trained.

    Args:
        features: picture to maps; any module with frozen parameters.
        weights: of each map.
        distance: "l1" mean absolute, "l2" mean squared difference.
        unit: scale every position's vector to length 1 first, so that no stage counts more for its scale.

    Source: Johnson et al. 2016, eq. 2 (arXiv:1603.08155); Zhang et al. 2018, eq. 1 (arXiv:1801.03924) for `unit`.
        Seed 003 writes a plain norm of each map, whose size grows with the map: the mean is meant here.
    """

    def __init__(
        self, features: nn.Module, weights: Sequence[float], distance: Distance = "l1", unit: bool = False
    ) -> None:
        self.features, self.weights, self.distance, self.unit = features, tuple(weights), distance, unit

    def __call__(self, picture: Tensor, target: Tensor) -> Tensor:
        """Compares.

        Args:
            picture: (B, 3, S, S) in [-1, 1]; the gradient goes here.
            target: as picture.

        Returns:
            Scalar.

        Raises:
            InputError: the network gives another number of maps than there are weights.
        """
        self.features.to(picture.device)
        with torch.no_grad():
            wanted = self.features(target)
        found = self.features(picture)
        if len(found) != len(self.weights):
            raise InputError(f"perceptual loss: {len(found)} feature maps, {len(self.weights)} weights.")
        total = picture.new_zeros((), dtype=torch.float32)
        for weight, a, b in zip(self.weights, found, wanted):
            total = total + weight * self._distance(a.float(), b.float())
        return total

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        if self.unit:
            a, b = _unit(a), _unit(b)
        difference = (a - b).abs() if self.distance == "l1" else (a - b).square()
        # Of unit vectors the sum over channels is what does not depend on their number.
        return difference.sum(1).mean() if self.unit else difference.mean()


def _unit(maps: Tensor) -> Tensor:
    # The square root of a sum with a floor has a gradient where all channels are zero, as after a ReLU.
    return maps * torch.rsqrt(maps.square().sum(1, keepdim=True) + 1e-6)
