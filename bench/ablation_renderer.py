"""A decoder that is first a renderer of true parameters: for some steps its codes hold them and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.data.swap_data import SwapData
from train.recipes.style_swap import SwapTraining
from train.recipes.tensors import picture_tensor

PAIRS, BATCH, RIDGE = 1536, 64, 30.0


class RendererFirst(SwapTraining):
    """The swap's training; until a share of its steps is done, the codes are a linear map of the true parameters.

    The map is the ridge regression of what a trained encoder and blending give on the source's identity and the
    target's attributes, so that the true codes are of the kind that the decoder gets later.

    Args:
        training: whose networks, losses and heads are taken; its encoder and blending are trained already.
        data: swap pictures to fit the map on.
        share: of the steps, 0 to 1.
    """

    def __init__(self, training: SwapTraining, data: SwapData, share: float) -> None:
        frozen: dict[str, Any] = training._frozen
        super().__init__(
            training.network, training.losses, training.heads,
            frozen["recogniser"], frozen["landmarks"], frozen["critic"],
        )  # fmt: skip
        self.weights, self.share = training.weights, share
        # Not in the run's state: the same start and data give it again.
        self.register_buffer("map", self._fit(data), persistent=False)

    def given_codes(self, batch: Mapping[str, Tensor], progress: float) -> Tensor | None:
        if progress >= self.share:
            return None
        return self.true_codes(batch["identity_vector"], batch["attribute_vector"])

    def true_codes(self, identity: Tensor, attributes: Tensor) -> Tensor:
        """(B, K) identity and (B, A) attribute vectors in the world's units to codes (B, L, D)."""
        encoder = self.network.config.encoder
        return (self._columns(identity, attributes) @ self.map).unflatten(1, (encoder.styles, encoder.style_dim))

    def _columns(self, identity: Tensor, attributes: Tensor) -> Tensor:
        known = torch.cat(self.heads.standardise(identity, attributes), 1).nan_to_num()
        return torch.cat([known, torch.ones_like(known[:, :1])], 1)

    @torch.no_grad()
    def _fit(self, data: SwapData) -> Tensor:
        rng = np.random.default_rng(0)
        was_training = self.network.training
        self.network.eval()
        columns, codes = [], []
        for _ in range(0, PAIRS, BATCH):
            batch = data.batch(rng, BATCH, 0.0, config=None)
            of_source, of_target = (self.network.encoder(picture_tensor(batch[n]))[0] for n in ("source", "target"))
            codes.append(self.network.blending(of_target, of_source)[0].flatten(1))
            vectors = (torch.from_numpy(batch[f"{name}_vector"]) for name in ("identity", "attribute"))
            columns.append(self._columns(*vectors))
        self.network.train(was_training)
        x, y = torch.cat(columns).double(), torch.cat(codes).double()
        return torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]).double(), x.T @ y).float()
