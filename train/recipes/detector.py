"""Detector: composed scenes, ATSS assignment, quality focal loss, DIoU, smooth L1 on the five points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.data.backdrops import load_backdrops
from train.data.degrade import HARD
from train.data.face_data import scene_batch
from train.data.face_world.types import Split
from train.data.scenes import Scene
from train.evaluate import recall
from train.losses.detection import detection_loss
from train.models.faces.detector import STRIDES, Detector, DetectorConfig
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

SETTINGS = {
    "nano": TrainConfig(steps=5000, batch_size=8, learning_rate=1.5e-3, eval_every=1000),
    "tiny": TrainConfig(steps=4, batch_size=2, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}
SCENE_SIZE = {"nano": 320, "tiny": 128}
MAX_FACES = 5
CROWDED = 0.4  # of the training's scenes: faces that are partly hidden are what a detector misses


def decode(
    network: nn.Module, images: NDArray[np.uint8], threshold: float = 0.5, iou: float = 0.4
) -> list[tuple[NDArray[Any], ...]]:
    """Detections of a batch of equally large pictures.

    Args:
        network: a `Detector` in eval mode.
        images: (B, H, W, 3) uint8, H and W multiples of 32.
        threshold: least score.
        iou: of the suppression.

    Returns:
        For each picture boxes (N, 4), scores (N,), points (N, 5, 2), in pixels, best first.
    """
    from facesdk.ops.nms import nms

    out = network(picture_tensor(images))
    height, width = images.shape[1:3]
    results = []
    for index in range(len(images)):
        boxes, scores, points = [], [], []
        for level, stride in enumerate(STRIDES):
            score = out[level][index, :, 0].float().numpy()
            keep = np.flatnonzero(score >= threshold)
            if not len(keep):
                continue
            anchors = len(score) // ((height // stride) * (width // stride))
            cell = keep // anchors
            centre = np.stack([cell % (width // stride), cell // (width // stride)], 1).astype(np.float32) * stride
            sides = out[3 + level][index].float().numpy()[keep] * stride
            boxes.append(np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], 1))
            scores.append(score[keep])
            points.append(centre[:, None] + out[6 + level][index].float().numpy()[keep].reshape(-1, 5, 2) * stride)
        if not boxes:
            results.append((np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))))
            continue
        box, score, five = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
        chosen = nms(box.astype(np.float32), score.astype(np.float32), iou)
        results.append((box[chosen], score[chosen], five[chosen]))
    return results


class DetectorTraining(nn.Module):
    """Losses of the detector over a padded list of faces."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        output = self.network(batch["image"])
        losses = detection_loss(
            output, batch["boxes"], batch["points"], batch["count"], self.network.config, batch["image"].shape[-2:]
        )
        return StepOutput(losses, {})


class DetectorRecipe:
    """Trains `Detector` on scenes composed of portraits.

    Args:
        preset: of the network and SETTINGS.
        network_config: sizes.
        train: portrait arrays with alpha, or None for a dry run.
        validation: portrait arrays.
        data_options: what the arrays were rendered with.
        photographs: backdrops of `train.data.backdrops` for training and for validation.
    """

    family, net = "faces", "detector"

    def __init__(
        self, preset: str, network_config: DetectorConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any],
        photographs: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None] = (None, None),
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.photographs = photographs
        self.size, self.data_options = SCENE_SIZE[preset], {**data_options, "scene_size": SCENE_SIZE[preset]}
        self.network = Detector(network_config).to(memory_format=torch.channels_last)
        self.module: nn.Module = DetectorTraining(self.network)
        self.discriminator = None
        self.train, self.validation = train, validation

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        scenes = scene_batch(self.train, rng, self.config.batch_size, self.size, HARD, CROWDED, self.photographs[0])
        boxes = torch.zeros(len(scenes), MAX_FACES, 4)
        points = torch.zeros(len(scenes), MAX_FACES, 5, 2)
        for i, scene in enumerate(scenes):
            boxes[i, : len(scene.boxes)] = torch.from_numpy(scene.boxes)
            points[i, : len(scene.boxes)] = torch.from_numpy(scene.points)
        count = torch.tensor([len(scene.boxes) for scene in scenes])
        return {
            "image": picture_tensor(np.stack([s.image for s in scenes])),
            "boxes": boxes,
            "points": points,
            "count": count,
        }

    def _validation_scenes(self, count: int) -> list[Scene]:
        assert self.validation is not None
        return scene_batch(self.validation, np.random.default_rng(0), count, self.size)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        scenes = self._validation_scenes(96 if self.preset == "nano" else 4)
        found = []
        for i in range(0, len(scenes), 16):
            found += decode(network, np.stack([s.image for s in scenes[i : i + 16]]))
        truth = [s.boxes for s in scenes]
        boxes = [f[0] for f in found]
        extra = sum(len(b) for b in boxes) - sum(
            round(recall([b], [t], smallest=0) * len(t)) if len(t) else 0 for b, t in zip(boxes, truth)
        )
        figures = {
            "recall_32px": recall(boxes, truth),
            "recall_all": recall(boxes, truth, smallest=0),
            "false_per_scene": extra / len(scenes),
        }
        if (plain := self.photographs[1]) is not None:
            # Nobody is in them: whatever is found is false.
            side = self.size
            cut = np.ascontiguousarray(plain[:96, :side, :side])
            answers = [found for i in range(0, len(cut), 16) for found in decode(network, cut[i : i + 16])]
            figures["false_per_photograph"] = sum(len(found[0]) for found in answers) / len(answers)
        return figures

    def grid(self, network: nn.Module) -> NDArray[np.uint8]:
        scenes = self._validation_scenes(8)
        tiles = []
        for scene, (boxes, _, points) in zip(scenes, decode(network, np.stack([s.image for s in scenes]))):
            tile = scene.image.copy()
            for box in scene.boxes:
                cv2.rectangle(
                    tile, tuple(box[:2].astype(int).tolist()), tuple(box[2:].astype(int).tolist()), (60, 120, 255), 1
                )
            for box, five in zip(boxes, points):
                cv2.rectangle(
                    tile, tuple(box[:2].astype(int).tolist()), tuple(box[2:].astype(int).tolist()), (60, 255, 60), 1
                )
                for x, y in five:
                    cv2.circle(tile, (int(x), int(y)), 1, (255, 60, 60), -1)
            tiles.append(tile)
        return np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])


def detector_recipe(
    preset: str, network_config: DetectorConfig, arrays: Callable[[Split, int | None], dict[str, Any] | None],
    folders: Sequence[Path], limit: int | None, options: dict[str, Any],
) -> DetectorRecipe:  # fmt: skip
    """The recipe with its data.

    Args:
        preset: of the network and SETTINGS.
        network_config: sizes.
        arrays: loads a split of the portraits.
        folders: of the portraits; backdrops of photographs are used where they are. Empty for a dry run.
        limit: shards of training data at most.
        options: what the portraits were rendered with.
    """
    photographs = load_backdrops(folders, "train"), load_backdrops(folders, "validation")
    counts = [0 if some is None else len(some) for some in photographs]
    return DetectorRecipe(
        preset, network_config, arrays("train", limit), arrays("validation", None),
        {**options, "photographs": counts} if folders else options, photographs,
    )  # fmt: skip
