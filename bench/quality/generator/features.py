"""What the judge sees in a generator's picture: its pooled features, and a distance of its inner maps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.quality.judge import JUDGE
from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES, crop_matrix, warp_crop
from train.checkpoint import load_model
from train.models.faces.plain_net import PlainNet
from train.models.faces.recogniser import Recogniser
from train.recipes.tensors import picture_tensor

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
BATCH = 64


class JudgeFeatures:
    """The judge's body on aligned pictures.

    A generated face has no landmarks of its own, so every picture, real ones too, is cut where the template says that
    the points of an aligned crop lie.

    Args:
        run: run folder of the judge.

    Raises:
        InputError: there is none, or it holds another network.
    """

    def __init__(self, run: Path = JUDGE) -> None:
        network, _ = load_model(run)
        if not isinstance(network, Recogniser) or not isinstance(network.body, PlainNet):
            raise InputError(f"{run} holds no judge, which is a recogniser of plain convolutions.", "Choose another.")
        self._network, self._body = network, network.body
        self.image_size = network.config.image_size
        self._stage_ends = np.cumsum(network.config.depths).tolist()

    @property
    def digest(self) -> str:
        """Of the weights: tells features of two judges apart."""
        total = hashlib.sha256()
        for name, value in self._network.state_dict().items():
            total.update(name.encode() + value.numpy().tobytes())
        return total.hexdigest()[:16]

    def pooled(self, pictures: U8) -> F32:
        """The features before the last layer, as the Frechet inception distance takes them.

        Args:
            pictures: (N, S, S, 3) uint8 RGB, aligned to the template "canon".

        Returns:
            (N, F) float32.

        Source: Heusel et al. 2017 (arXiv:1706.08500), section "Frechet Inception Distance".
        """
        seen: list[Tensor] = []
        hook = self._body.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        try:
            with torch.no_grad():
                for start in range(0, len(pictures), BATCH):
                    self._network(self._crops(pictures[start : start + BATCH]))
        finally:
            hook.remove()
        return torch.cat(seen).numpy()

    def distance(self, pictures: U8, others: U8) -> NDArray[np.float64]:
        """Perceptual distance of pairs: squared differences of maps normalised over channels, summed over the stages.

        This is LPIPS with the judge as its network and all weights 1; without training on human judgements it is a
        relative figure, for methods of one table.

        Args:
            pictures, others: (N, S, S, 3) uint8 RGB, aligned to "canon".

        Returns:
            (N,) >= 0.

        Source: Zhang et al. 2018 (arXiv:1801.03924), eq. 1.
        """
        out = []
        with torch.no_grad():
            for start in range(0, len(pictures), BATCH):
                rows = slice(start, start + BATCH)
                stages = zip(self._maps(pictures[rows]), self._maps(others[rows]))
                out.append(sum((a - b).square().sum(1).mean((1, 2)) for a, b in stages).double().numpy())  # type: ignore[union-attr]
        return np.concatenate(out)

    def _maps(self, pictures: U8) -> Sequence[Tensor]:
        x, maps = self._crops(pictures), []
        for index, layer in enumerate(self._body.layers):
            x = layer(x)
            if index in self._stage_ends:
                maps.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-8))
        return maps

    def _crops(self, pictures: U8) -> Tensor:
        size = self.image_size
        matrix = crop_matrix(TEMPLATES["canon"] * pictures.shape[1], "arcface", size)
        return picture_tensor(np.stack([warp_crop(picture, matrix, size) for picture in pictures]))
