"""Landmarks with visibility and pose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.face_data import landmark_batch
from train.evaluate import normalised_error
from train.losses.geometry import heat_map_loss, rotation_degrees, wing
from train.models.faces.landmarks import Landmarks, LandmarksConfig
from train.models.faces.rotation import rotation_from_degrees
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

SETTINGS = {
    "nano": TrainConfig(steps=6000, batch_size=48, learning_rate=2e-3, eval_every=1000),
    "tiny": TrainConfig(steps=4, batch_size=4, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}


class LandmarksTraining(nn.Module):
    """Wing loss on points, cross entropy on visibility, angle of the rotation between predicted and true pose."""

    def __init__(self, network: Landmarks) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        heat, raw = self.network.look(batch["image"])
        out = self.network.read(heat, raw)
        # Hidden points are known exactly here, but what is seen should decide.
        weight = 0.4 + 0.6 * batch["visible"].float()
        angle = rotation_degrees(out.pose.float(), rotation_from_degrees(batch["pose"]))
        losses = {
            "heat": 0.1 * heat_map_loss(heat, batch["points"], weight),
            "points": 10 * wing(out.points.float(), batch["points"], weight),
            "visible": 0.2 * F.binary_cross_entropy_with_logits(out.visible.float(), batch["visible"].float()),
            "pose": angle.mean() / 40,
        }
        return StepOutput(losses, {"pose_degrees": angle.detach().mean()})


class LandmarksRecipe:
    """Trains `Landmarks` on portraits.

    Args:
        preset: of the network and of SETTINGS.
        train: portrait arrays, or None for a dry run.
        validation: portrait arrays.
        data_options: what the arrays were rendered with.
    """

    family, net = "faces", "landmarks"

    def __init__(
        self, preset: str, network_config: LandmarksConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.data_options = data_options
        self.network = Landmarks(network_config).to(memory_format=torch.channels_last)
        self.module: nn.Module = LandmarksTraining(self.network)
        self.discriminator = None
        self.train, self.validation = train, validation

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        raw = landmark_batch(self.train, rng, self.config.batch_size, self.network_config.image_size)
        return {
            "image": picture_tensor(raw["image"]),
            **{k: torch.from_numpy(raw[k]) for k in ("points", "visible", "pose")},
        }

    def _validation_batch(self, count: int) -> dict[str, NDArray[Any]]:
        assert self.validation is not None
        return landmark_batch(self.validation, np.random.default_rng(0), count, self.network_config.image_size)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        raw = self._validation_batch(min(256, 4 * len(self.validation["rgb"])))  # type: ignore[index]
        points, pose = [], []
        for i in range(0, len(raw["image"]), 64):
            out = network(picture_tensor(raw["image"][i : i + 64]))
            points.append(out.points.float().numpy())
            pose.append(out.pose.float().numpy())
        near = np.abs(raw["pose"][:, 0]) <= 45
        error = normalised_error(np.concatenate(points), raw["points"])
        turn = np.abs((np.concatenate(pose) - raw["pose"] + 180) % 360 - 180)
        return {
            "error_yaw45": float(error[near].mean()), "error_all": float(error.mean()),
            **{f"{name}_degrees": float(turn[near, i].mean()) for i, name in enumerate(("yaw", "pitch", "roll"))},
        }  # fmt: skip

    def grid(self, network: nn.Module) -> NDArray[np.uint8]:
        raw = self._validation_batch(24)
        size = self.network_config.image_size
        points = network(picture_tensor(raw["image"])).points.float().numpy() * size
        tiles = []
        for image, marks, truth in zip(raw["image"], points, raw["points"] * size):
            tile = cv2.resize(image, (2 * size, 2 * size))
            for (x, y), (tx, ty) in zip(marks * 2, truth * 2):
                cv2.circle(tile, (int(tx), int(ty)), 2, (60, 120, 255), -1)
                cv2.circle(tile, (int(x), int(y)), 1, (60, 255, 60), -1)
            tiles.append(tile)
        return np.vstack([np.hstack(tiles[i : i + 8]) for i in range(0, 24, 8)])
