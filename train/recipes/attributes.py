"""Attribute classifier: what the bench reads off generated faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.faces.align import compose, warp_crop
from train.data.attributes import INDEX, VOCABULARY, AttributeTable, shard_attributes
from train.data.degrade import DegradeConfig, degrade
from train.data.face_data import jitter_matrix
from train.data.portrait_data import before_backdrop, portraits
from train.losses.attributes import attribute_losses
from train.models.faces.attributes import AttributeConfig, AttributeNet
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

SETTINGS = {
    "nano": TrainConfig(steps=2400, batch_size=96, learning_rate=2e-3, eval_every=600, weight_decay=0.03, ema=0.995),
    "tiny": TrainConfig(steps=4, batch_size=4, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}
# As a decoder would: soft, a little off in colour; tone and hair must stay what they are said to be.
DEGRADE = DegradeConfig(color=0.3, grey=0.0, blur=0.5, noise=0.2, jpeg=0.15, strength=0.35)
BACKDROP_SHARE = 0.75  # of the pictures are before a plain backdrop, as the generator's are


class AttributeTraining(nn.Module):
    """The sum of the attributes' losses."""

    def __init__(self, network: AttributeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        outputs = self.network(batch["image"]).float()
        losses = attribute_losses(outputs, batch["values"], batch["known"], VOCABULARY.attributes)
        return StepOutput(losses, {})


class AttributeRecipe:
    """Trains `AttributeNet` on swap crops.

    Args:
        preset: of the network and of SETTINGS.
        train: swap arrays, or None for a dry run.
        validation: swap arrays.
        data_options: what the arrays were rendered with.
    """

    family, net = "faces", "attributes"

    def __init__(
        self, preset: str, network_config: AttributeConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.data_options = data_options
        self.network = AttributeNet(network_config).to(memory_format=torch.channels_last)
        self.module: nn.Module = AttributeTraining(self.network)
        self.discriminator = None
        self.train, self.validation = train, validation
        self.table = None if train is None else shard_attributes(train)
        self.validation_table = None if validation is None else shard_attributes(validation)

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None and self.table is not None
        rows = rng.integers(0, len(self.table), self.config.batch_size)
        size = self.network_config.image_size
        picked = self.table.rows(rows)
        mirrored = picked.mirrored()
        flips = rng.random(len(rows)) < 0.5
        images = []
        for row, flip in zip(rows, flips):
            image = self.train["rgb"][row]
            if rng.random() < BACKDROP_SHARE:
                image = before_backdrop(image, self.train["parts"][row], rng)
            zoom = np.array([[1, 0, 0], [0, 1, 0]], np.float32) * (size / len(image))
            jitter, _ = jitter_matrix(rng, size, 0.008, 0.02, 1.5, bool(flip))
            images.append(degrade(warp_crop(image, compose(jitter, zoom), size), rng, DEGRADE))
        values = np.where(flips[:, None], mirrored.values, picked.values)
        return {
            "image": picture_tensor(np.stack(images)), "values": torch.from_numpy(values),
            "known": torch.from_numpy(picked.known),
        }  # fmt: skip

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Of a scalar the mean absolute error in its own units, of flags and choices the share that is right."""
        assert self.validation is not None and self.validation_table is not None
        rows = np.random.default_rng(0).permutation(len(self.validation_table))[:960]
        images = portraits(self.validation, rows, 0)
        return attribute_figures(read_attributes(network, images), self.validation_table.rows(rows))

    def grid(self, network: nn.Module) -> NDArray[np.uint8] | None:
        return None


def read_attributes(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the classifier sees.

    Args:
        network: an AttributeNet in eval mode.
        images: (N, S, S, 3) uint8 RGB, template "canon"; resized to the network's size.

    Returns:
        (N, A) float32 in the vocabulary's order: scalars in their own units, clipped to their range, the probability of
        a flag, the index of a choice.
    """
    size: int = network.config.image_size  # type: ignore[assignment, union-attr]
    if images.shape[1] != size:
        images = np.stack([cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in images])
    with torch.no_grad():
        parts = [network(picture_tensor(images[i : i + 64])).float() for i in range(0, len(images), 64)]
    outputs, columns, first = torch.cat(parts), [], 0
    for attribute in VOCABULARY.attributes:
        found = outputs[:, first : first + attribute.width]
        first += attribute.width
        if attribute.kind == "choice":
            columns.append(found.argmax(1).float())
        elif attribute.kind == "flag":
            columns.append(torch.sigmoid(found[:, 0]))
        else:
            columns.append(attribute.low + (found[:, 0].clamp(-1, 1) + 1) / 2 * (attribute.high - attribute.low))
    return torch.stack(columns, 1).numpy()


def attribute_figures(read: NDArray[np.float32], truth: AttributeTable) -> dict[str, float]:
    """Mean absolute error of scalars in their own units, share of right flags and choices; over what is known."""
    figures = {}
    for attribute in VOCABULARY.attributes:
        column = INDEX[attribute.name]
        use = truth.known[:, column]
        found, right = read[use, column], truth.values[use, column]
        if not len(right):
            continue
        if attribute.kind == "scalar":
            figures[f"{attribute.name}_error"] = float(np.abs(found - right).mean())
        else:
            guess = found > 0.5 if attribute.kind == "flag" else found
            figures[f"{attribute.name}_accuracy"] = float((guess == right).mean())
    return figures
