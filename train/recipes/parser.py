"""Face parser: cross entropy and soft Dice over aligned crops with occluders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.face_data import PARSER_CLASSES, parser_batch
from train.data.face_world.types import Part
from train.evaluate import mean_iou
from train.models.faces.parser import Parser, ParserConfig
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

SETTINGS = {
    "nano": TrainConfig(steps=3000, batch_size=32, learning_rate=2e-3, eval_every=1000),
    "tiny": TrainConfig(steps=4, batch_size=4, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}
# Of the cross entropy: glasses are a thousandth of all pixels, and without a weight none was found (measured).
CLASS_WEIGHTS = (1.0, 1.0, 1.0, 8.0, 2.0)
COLORS = np.array([[40, 40, 40], [240, 190, 150], [150, 90, 40], [60, 160, 240], [220, 60, 200]], np.uint8)


def dice_loss(logits: Tensor, truth: Tensor, classes: int) -> Tensor:
    """1 - soft Dice, mean over classes that occur, from (B, C, H, W) logits and (B, H, W) classes.

    Source: Milletari et al. 2016, eq. 1 without the squares (arXiv:1606.04797).
    """
    probability = logits.softmax(1)
    hot = F.one_hot(truth, classes).permute(0, 3, 1, 2).to(probability.dtype)
    both = (probability * hot).sum((0, 2, 3))
    total = (probability + hot).sum((0, 2, 3))
    present = hot.sum((0, 2, 3)) > 0
    return (1 - 2 * both / total.clamp_min(1e-6))[present].mean()


class ParserTraining(nn.Module):
    """Cross entropy plus Dice."""

    def __init__(self, network: Parser) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_weights", torch.tensor(CLASS_WEIGHTS), persistent=False)

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        logits = self.network(batch["image"]).float()
        weights = self.get_buffer("class_weights")
        losses = {
            "cross_entropy": F.cross_entropy(logits, batch["classes"], weights, label_smoothing=0.02),
            "dice": 0.5 * dice_loss(logits, batch["classes"], self.network.config.classes),
        }
        return StepOutput(losses, {})


class ParserRecipe:
    """Trains `Parser` on swap crops (their parts); arguments as of `LandmarksRecipe`."""

    family, net = "faces", "parser"

    def __init__(
        self, preset: str, network_config: ParserConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.data_options = data_options
        self.network = Parser(network_config).to(memory_format=torch.channels_last)
        self.module: nn.Module = ParserTraining(self.network)
        self.discriminator = None
        self.train, self.validation = train, validation
        self.with_glasses: NDArray[np.int64] | None = None
        if train is not None:
            self.with_glasses = np.flatnonzero((train["parts"] == Part.GLASSES).any((1, 2)))

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        size = self.network_config.image_size
        raw = parser_batch(self.train, rng, self.config.batch_size, size, favoured=self.with_glasses)
        return {"image": picture_tensor(raw["image"]), "classes": torch.from_numpy(raw["classes"].astype(np.int64))}

    def _validation_batch(self, count: int) -> dict[str, NDArray[Any]]:
        assert self.validation is not None
        return parser_batch(self.validation, np.random.default_rng(0), count, self.network_config.image_size)

    def _classes(self, network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        parts = [network(picture_tensor(images[i : i + 64])).argmax(1).numpy() for i in range(0, len(images), 64)]
        return np.concatenate(parts)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        raw = self._validation_batch(min(256, 4 * len(self.validation["rgb"])))  # type: ignore[index]
        scores = mean_iou(self._classes(network, raw["image"]), raw["classes"], len(PARSER_CLASSES))
        return {f"iou_{name}": score for name, score in zip(PARSER_CLASSES, scores)}

    def grid(self, network: nn.Module) -> NDArray[np.uint8]:
        raw = self._validation_batch(12)
        found = self._classes(network, raw["image"])
        rows = [np.hstack(list(raw["image"])), np.hstack(list(COLORS[found])), np.hstack(list(COLORS[raw["classes"]]))]
        return np.vstack(rows)
