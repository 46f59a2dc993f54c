"""The three parts of a flow's training: plain flow matching, reflow, average velocities."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.data.attributes import AttributeTable, condition_vectors, drop_attributes
from train.flow.guidance import conditioned
from train.flow.mean_flow import adaptive_error, mean_flow_target
from train.flow.path import path_point, path_velocity
from train.flow.reflow import Pairs, make_pairs
from train.models.latent_flow.velocity import VelocityNet
from train.recipe import StepOutput
from train.recipes.latents import Latents

Stage = Literal["match", "reflow", "mean"]


@dataclass(frozen=True)
class FlowStages:
    """The three parts of the training.

    Attributes:
        match_until: share of the steps of plain flow matching.
        reflow_until: share of the steps after which average velocities begin; before, plain flow matching on pairs.
        nothing: share of rows without any condition.
        identity: share of rows with a known identity.
        pairs: pairs of noise and latent that the teacher makes at a time.
        rounds: times that it makes new ones.
        pair_steps: of the midpoint rule that makes them; None takes dopri5.
        spans: share of rows with a span, once average velocities are trained.
        teacher_decay: of the average of weights that becomes the teacher.
    """

    match_until: float = 0.85
    reflow_until: float = 0.88
    nothing: float = 0.15
    identity: float = 0.3
    pairs: int = 32768
    rounds: int = 2
    pair_steps: int | None = 8
    spans: float = 0.5
    teacher_decay: float = 0.998

    def stage(self, progress: float) -> Stage:
        """What is trained at a share of the steps."""
        if progress < self.match_until:
            return "match"
        return "reflow" if progress < self.reflow_until else "mean"

    def round(self, progress: float) -> int:
        """Which round of pairs is used at a share of the steps."""
        done = (progress - self.match_until) / (1 - self.match_until)
        return min(int(done * self.rounds), self.rounds - 1)


def draw_conditions(
    latents: Latents, rows: NDArray[np.int64], rng: np.random.Generator, stages: FlowStages
) -> tuple[Tensor, Tensor]:
    """What is said of some pictures in one step: some attributes, sometimes the identity, sometimes nothing.

    Returns:
        condition (N, C) float32 and identity (N, E) float32.
    """
    table = latents.table.rows(rows)
    known = drop_attributes(table.known, rng)
    identity = latents.identity[rows].astype(np.float32)
    identity *= rng.random((len(rows), 1)) < stages.identity
    said = rng.random((len(rows), 1)) >= stages.nothing
    condition = condition_vectors(AttributeTable(table.values, known & said))
    return torch.from_numpy(condition), torch.from_numpy(identity * said)


class FlowTraining(nn.Module):
    """Plain flow matching, then the same on the teacher's pairs, then average velocities on them.

    Args:
        network: what is trained.
        stages: of the training.
        latents: to draw wishes from, or None for a dry run.
        importance: (D,) weights of the squared errors, of mean 1; None weighs all dimensions alike.
    """

    importance: Tensor

    def __init__(
        self, network: VelocityNet, stages: FlowStages, latents: Latents | None, importance: Tensor | None = None
    ) -> None:
        super().__init__()
        weights = torch.ones(network.config.latent) if importance is None else importance
        self.register_buffer("importance", weights, persistent=False)
        self.network, self.stages = network, stages
        # In the state of the module: a resumed run makes the pairs of an unbroken one.
        self.teacher = copy.deepcopy(network).requires_grad_(False)
        self._latents = latents
        self._pairs: tuple[int, Pairs] | None = None

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        stage = self.stages.stage(progress)
        if stage == "match":
            self._follow()
            noise, data, condition, identity = (batch[k] for k in ("noise", "latent", "condition", "identity"))
        else:
            noise, data, condition, identity = (column[batch["pair"]] for column in self._pairs_of(progress))
        time, end = batch["time"], batch["end"]
        x, velocity = path_point(noise, data, time), path_velocity(noise, data)
        predicted = self.network(x, time, end, condition, identity).float()
        if stage != "mean":
            loss = ((predicted - velocity).pow(2) * self.importance).mean()
            return StepOutput({stage: loss}, {})
        spanned = round(self.stages.spans * len(x))
        part = slice(0, spanned)
        average = conditioned(self.network, condition[part], identity[part])
        target = torch.cat(
            [mean_flow_target(average, x[part], time[part], end[part], velocity[part]), velocity[spanned:]]
        )
        loss, error = adaptive_error(predicted, target, self.importance)
        plain = (predicted[spanned:] - velocity[spanned:]).detach().pow(2).mean()
        return StepOutput({"mean": loss}, {"mean_error": error, "match_error": plain})

    @torch.no_grad()
    def _follow(self) -> None:
        own, theirs = list(self.teacher.parameters()), list(self.network.parameters())
        torch._foreach_lerp_(own, theirs, 1 - self.stages.teacher_decay)

    def _pairs_of(self, progress: float) -> Pairs:
        number = self.stages.round(progress)
        if self._pairs is None or self._pairs[0] != number:
            self._pairs = None  # freed first
            made = make_pairs(self.teacher, self._wishes, self.stages.pairs, self.stages.pair_steps, 1 + number)
            self._pairs = (number, made)
        return self._pairs[1]

    def _wishes(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        assert self._latents is not None
        rng = np.random.default_rng([seed, count])
        rows = rng.integers(0, len(self._latents), count)
        return draw_conditions(self._latents, rows, rng, self.stages)
