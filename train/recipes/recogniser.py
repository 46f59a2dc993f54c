"""Identity recogniser, and the judge: ArcFace margin plus regression of the true identity parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.face_data import recogniser_batch
from train.data.swap_data import SwapData
from train.evaluate import gallery_rank, verification_auc
from train.losses.margin import ArcFaceHead
from train.models.faces.identity_head import IdentityHead
from train.models.faces.recogniser import Recogniser, RecogniserConfig
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

SETTINGS = {
    "nano": TrainConfig(steps=5000, batch_size=128, learning_rate=2e-3, eval_every=1000, weight_decay=0.03),
    "judge": TrainConfig(steps=5000, batch_size=128, learning_rate=2e-3, eval_every=1000, weight_decay=0.03, ema=0.995),
    "paper": TrainConfig(steps=180_000, batch_size=128, learning_rate=1e-3, eval_every=5000, weight_decay=5e-4),
    "tiny": TrainConfig(steps=4, batch_size=8, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}
# No margin at first: with one from the start a small set of identities is not learned (training calibration, trap 6).
MARGIN_START, MARGIN_FULL, MARGIN = 0.3, 0.7, 0.3


class RecogniserTraining(nn.Module):
    """Margin softmax over the training identities, and the identity vector from the embedding."""

    def __init__(self, network: Recogniser, identities: int, identity_dim: int) -> None:
        super().__init__()
        self.network = network
        self.margin_head = ArcFaceHead(network.config.embedding, identities)
        self.identity_head = IdentityHead(network.config.embedding, identity_dim)

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        embedding = self.network(batch["image"]).float()
        unit = F.normalize(embedding)
        margin = MARGIN * min(1.0, max(0.0, (progress - MARGIN_START) / (MARGIN_FULL - MARGIN_START)))
        logits = self.margin_head(embedding, batch["label"], margin)
        # sqrt(d): a unit vector scaled to unit variance per channel, the size that a linear head expects.
        predicted = self.identity_head(unit * unit.shape[1] ** 0.5)
        regression = F.mse_loss(predicted, batch["identity_vector"])
        losses = {"margin": F.cross_entropy(logits, batch["label"]), "identity_vector": 4.0 * regression}
        accuracy = (logits.argmax(1) == batch["label"]).float().mean()
        return StepOutput(losses, {"accuracy": accuracy, "regression": regression.detach()})


class RecogniserRecipe:
    """Trains `Recogniser` on swap crops; arguments as of `LandmarksRecipe`.

    The judge, which scores swaps and is used in no loss, is the same recipe on another body and on other identities:
    it takes the identities with odd numbers, the recogniser those with even ones, both all heads.
    """

    family, net = "faces", "recogniser"

    def __init__(
        self, preset: str, network_config: RecogniserConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.network = Recogniser(network_config).to(memory_format=torch.channels_last)
        identities, identity_dim = 1000, 256
        self.train = self.validation = None
        if train is not None and validation is not None:
            odd = preset == "judge"
            rows = np.flatnonzero(train["identity"] % 2 == int(odd))
            self.train = SwapData({k: v[rows] for k, v in train.items()})
            self.validation = validation
            identities, identity_dim = len(self.train.identities), train["identity_vector"].shape[1]
            data_options = {**data_options, "identities_used": "odd" if odd else "even", "identity_count": identities}
        self.data_options = data_options
        self.module: nn.Module = RecogniserTraining(self.network, identities, identity_dim)
        self.discriminator = None

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        raw = recogniser_batch(
            self.train.arrays, self.train.label, rng, self.config.batch_size, self.network_config.image_size
        )
        return {
            "image": picture_tensor(raw["image"]), "label": torch.from_numpy(raw["label"]),
            "identity_vector": torch.from_numpy(raw["identity_vector"]),
        }  # fmt: skip

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        assert self.validation is not None
        rng = np.random.default_rng(0)
        count = min(800, len(self.validation["rgb"]))
        rows = rng.choice(len(self.validation["rgb"]), count, replace=False)
        picked = {k: v[rows] for k, v in self.validation.items()}
        figures = {}
        for name, config in (("clean", None),):
            embeddings = embed(network, picked, config, self.network_config.image_size)
            labels, groups = picked["identity"], picked["group"]
            figures[f"auc_{name}"] = verification_auc(embeddings, labels, groups)
            first = np.unique(labels, return_index=True)[1]
            queries = np.setdiff1d(np.arange(count), first)
            rank = gallery_rank(embeddings[queries], embeddings[first], labels[first], labels[queries])
            figures |= {
                "top1": float((rank < 1).mean()),
                "top5": float((rank < 5).mean()),
                "gallery": float(len(first)),
            }
        return figures

    def grid(self, network: nn.Module) -> NDArray[np.uint8] | None:
        return None


def embed(network: nn.Module, arrays: Mapping[str, NDArray[Any]], config: Any, size: int) -> NDArray[np.float32]:
    """Embeddings of the rows' aligned crops, by their true landmarks, (N, E) float32."""
    from facesdk.faces.align import crop_matrix, warp_crop

    crops = [
        warp_crop(rgb, crop_matrix(marks, "arcface", size), size)
        for rgb, marks in zip(arrays["rgb"], arrays["landmarks"])
    ]
    out = [network(picture_tensor(np.stack(crops[i : i + 100]))).float().numpy() for i in range(0, len(crops), 100)]
    return np.concatenate(out)
