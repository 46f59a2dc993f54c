"""Landmarks with visibility and pose, and whether there is a face at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from facesdk.faces.align import apply_matrix, compose, invert_matrix, warp_crop
from facesdk.faces.boxes import face_box
from facesdk.faces.landmarks import tight_matrix
from train.data.backdrops import has_backdrops
from train.data.degrade import HARD, MILD, DegradeConfig
from train.data.face_data import absent_batch, box_crop_matrix, jitter_matrix, landmark_batch
from train.data.face_world.shard_options import Kind
from train.data.face_world.shards import has_shards, load_shards
from train.data.face_world.types import Split
from train.data.false_faces import load_false_faces
from train.evaluate import normalised_error, roc_auc
from train.losses.geometry import heat_map_loss, relative_error, rotation_degrees, wing
from train.models.faces.landmarks import REFINE_SCALE, Landmarks, LandmarksConfig
from train.models.faces.rotation import rotation_from_degrees
from train.recipe import StepOutput, TrainConfig
from train.recipes.tensors import picture_tensor

Arrays = Mapping[str, NDArray[Any]]

SETTINGS = {
    "nano": TrainConfig(steps=6000, batch_size=56, learning_rate=2e-3, eval_every=1000),
    "tiny": TrainConfig(steps=4, batch_size=10, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}
FIELDS = ("rgb", "landmarks", "visible", "pose")
# Of a batch: first looks at portraits, second looks at portraits, second looks at swap crops; the rest shows no face.
WIDE, TIGHT, CLOSE = 0.2, 0.32, 0.36
# Of the first and of the second looks at portraits: faces up to half hidden, which the detector finds and the presence
# must not deny.
HIDDEN_WIDE, HIDDEN_TIGHT = 0.35, 0.15
HIDDEN_WEIGHT = 0.6  # of a point that does not show: it is known exactly here, but what is seen should decide


class LandmarksTraining(nn.Module):
    """Wing loss and relative error of the points, cross entropies of visibility and presence, angle of the rotation."""

    def __init__(self, network: Landmarks) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        # Crops without a face come last and have no points.
        count = len(batch["points"])
        heat, raw = self.network.look(batch["image"], count)
        with torch.autocast(raw.device.type, enabled=False):
            heat = heat.softmax(-1)
            means = heat @ self.network.grid
        out = self.network.place(means, raw[:count])
        found = out.points.float()
        weight = HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * batch["visible"].float()
        angle = rotation_degrees(out.pose.float(), rotation_from_degrees(batch["pose"]))
        losses = {
            "heat": 0.1 * heat_map_loss(heat, batch["points"], weight),
            "points": 10 * wing(found, batch["points"], weight),
            "relative": 1.5 * relative_error(found, batch["points"], weight),
            "visible": 0.2 * F.binary_cross_entropy_with_logits(out.visible.float(), batch["visible"].float()),
            "pose": angle.mean() / 40,
        }
        presence = self.network.presence_logit(raw)
        if presence is not None:
            there = (torch.arange(len(raw), device=raw.device) < count).float()[:, None]
            losses["presence"] = 0.3 * F.binary_cross_entropy_with_logits(presence.float(), there)
        return StepOutput(losses, {"pose_degrees": angle.detach().mean()})


class LandmarksRecipe:
    """Trains `Landmarks` on portraits.

    Args:
        preset: of the network and of SETTINGS.
        train: portrait arrays, one set for each size of picture, or None for a dry run.
        validation: portrait arrays.
        data_options: what the arrays were rendered with.
        close: swap arrays for more second looks: many more people than the portraits show.
        false_faces: crops of `train.data.false_faces` for training and for validation.
    """

    family, net = "faces", "landmarks"

    def __init__(
        self, preset: str, network_config: LandmarksConfig, train: Sequence[Arrays] | None, validation: Arrays | None,
        data_options: dict[str, Any], close: Arrays | None = None,
        false_faces: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None] = (None, None),
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.data_options = data_options
        self.network = Landmarks(network_config).to(memory_format=torch.channels_last)
        self.module: nn.Module = LandmarksTraining(self.network)
        self.discriminator = None
        self.train, self.validation, self.close, self.false_faces = train, validation, close, false_faces

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        count, size = self.config.batch_size, self.network_config.image_size
        wide, tight, close = (round(share * count) for share in (WIDE, TIGHT, CLOSE))
        portraits, more = self._portraits(rng), self.close or self._portraits(rng)
        # One draw for each part, so that all damages meet all kinds of crops over the steps.
        config = _camera(rng)
        parts = [
            landmark_batch(portraits, rng, wide, size, config, far_share=0.12, hidden_share=HIDDEN_WIDE),
            landmark_batch(self._portraits(rng), rng, tight, size, _camera(rng), tight=True, hidden_share=HIDDEN_TIGHT),
            landmark_batch(more, rng, close, size, _camera(rng), tight=True),
        ]
        # The same camera as the first looks, so that no damage gives away that there is a face.
        absent = absent_batch(portraits, self.false_faces[0], rng, count - wide - tight - close, size, config)
        joined = {k: np.concatenate([part[k] for part in parts]) for k in ("points", "visible", "pose")}
        return {
            "image": picture_tensor(np.concatenate([*(part["image"] for part in parts), absent])),
            **{k: torch.from_numpy(v) for k, v in joined.items()},
        }

    def _portraits(self, rng: np.random.Generator) -> Arrays:
        """One of the sets, the larger the more often."""
        assert self.train is not None
        counts = np.array([len(arrays["rgb"]) for arrays in self.train])
        return self.train[int(rng.choice(len(counts), p=counts / counts.sum()))]

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Hard first looks as they are trained; both looks at undamaged portraits; faces against what is none."""
        assert self.validation is not None
        count, size = min(256, 4 * len(self.validation["rgb"])), self.network_config.image_size
        raw = landmark_batch(self.validation, np.random.default_rng(0), count, size)
        points, pose, presence = _in_batches(network, raw["image"])
        near = np.abs(raw["pose"][:, 0]) <= 45
        error = normalised_error(points, raw["points"])
        turn = np.abs((pose - raw["pose"] + 180) % 360 - 180)
        first, second = self._both_looks(network, count)
        figures = {
            "error_yaw45": float(error[near].mean()), "error_all": float(error.mean()),
            **{f"{name}_degrees": float(turn[near, i].mean()) for i, name in enumerate(("yaw", "pitch", "roll"))},
            "clean_yaw45": first, "second_look_yaw45": second,
        }  # fmt: skip
        if presence is not None:
            rng = np.random.default_rng(1)
            absent = absent_batch(self.validation, self.false_faces[1], rng, count, size, MILD)
            none = _in_batches(network, absent)[2]
            assert none is not None
            faces = np.arange(2 * count) < count
            figures |= {
                "presence_auc": roc_auc(np.concatenate([presence, none]), faces),
                "faces_kept": float((presence >= 0.5).mean()), "false_kept": float((none >= 0.5).mean()),
            }  # fmt: skip
        return figures

    def _both_looks(self, network: nn.Module, count: int) -> tuple[float, float]:
        """Error within 45 degrees of yaw, undamaged, after the first and after the second look."""
        assert self.validation is not None
        rng, size = np.random.default_rng(2), self.network_config.image_size
        arrays = self.validation
        rows = np.flatnonzero(np.abs(arrays["pose"][:, 0]) <= 45)[:count]
        matrices = []
        for row in rows:
            jitter, _ = jitter_matrix(rng, size, 0.02, 0.05, 0, False)
            matrices.append(compose(jitter, box_crop_matrix(face_box(arrays["landmarks"][row]), size)))
        errors = []
        for _ in range(2):
            crops = np.stack([warp_crop(arrays["rgb"][row], m, size) for row, m in zip(rows, matrices)])
            points, pose, _presence = _in_batches(network, crops)
            found = np.stack([apply_matrix(invert_matrix(m), p * size) for m, p in zip(matrices, points)])
            errors.append(float(normalised_error(found, arrays["landmarks"][rows]).mean()))
            matrices = [tight_matrix(p, float(a[2]), REFINE_SCALE, size) for p, a in zip(found, pose)]
        return errors[0], errors[1]

    def grid(self, network: nn.Module) -> NDArray[np.uint8]:
        assert self.validation is not None
        size = self.network_config.image_size
        halves = [
            landmark_batch(self.validation, np.random.default_rng(0), 16, size),
            landmark_batch(self.validation, np.random.default_rng(1), 8, size, tight=True),
        ]
        raw = {k: np.concatenate([half[k] for half in halves]) for k in ("image", "points")}
        points = network(picture_tensor(raw["image"])).points.float().numpy() * size
        tiles = []
        for image, marks, truth in zip(raw["image"], points, raw["points"] * size):
            tile = cv2.resize(image, (2 * size, 2 * size))
            for (x, y), (tx, ty) in zip(marks * 2, truth * 2):
                cv2.circle(tile, (int(tx), int(ty)), 2, (60, 120, 255), -1)
                cv2.circle(tile, (int(x), int(y)), 1, (60, 255, 60), -1)
            tiles.append(tile)
        return np.vstack([np.hstack(tiles[i : i + 8]) for i in range(0, 24, 8)])


def landmarks_recipe(
    preset: str, network_config: LandmarksConfig, folders: Sequence[Path], limit: int | None, options: dict[str, Any],
) -> LandmarksRecipe:  # fmt: skip
    """The recipe with data: portraits, and what else the folders hold.

    Args:
        preset: of the network and of SETTINGS.
        network_config: of the network.
        folders: one at least with portrait shards; swap shards and false faces are used where they are.
        limit: shards of training data to load at most, of each kind and folder.
        options: what the arrays were rendered with.

    Raises:
        InputError: no portrait shards.
    """

    def sets(kind: Kind, split: Split, most: int | None) -> list[dict[str, NDArray[Any]]]:
        """Shards of all folders that have some, joined where the pictures are equally large; the largest last."""
        fields = (*FIELDS, "alpha") if kind == "portrait" else FIELDS
        there = [load_shards(f, kind, split, fields, most) for f in folders if has_shards(f, kind, split)]
        sides = sorted({arrays["rgb"].shape[1] for arrays in there})
        alike = [[arrays for arrays in there if arrays["rgb"].shape[1] == side] for side in sides]
        return [{name: np.concatenate([part.pop(name) for part in parts]) for name in fields} for parts in alike]

    train, validation, close = sets("portrait", "train", limit), sets("portrait", "validation", None), None
    if not train or not validation:
        load_shards(folders[0], "portrait", "validation" if train else "train")  # raises, and says what is missing
    if pictures := sets("swap", "train", limit):
        close = pictures[-1]
    false = load_false_faces(folders, "train"), load_false_faces(folders, "validation")
    counts = [0 if some is None else len(some) for some in false]
    # False faces are sought before photographs too, where there are any.
    before = has_backdrops(folders, "train"), has_backdrops(folders, "validation")
    photographs = [there and count > 0 for there, count in zip(before, counts)]
    seen = {**options, "false_faces": counts, "photographs": photographs}
    return LandmarksRecipe(preset, network_config, train, validation[-1], seen, close, false)


def _camera(rng: np.random.Generator) -> DegradeConfig | None:
    """What happens to a part of a batch: as much as in the wild, a little, or nothing."""
    return (HARD, MILD, None)[rng.choice(3, p=(0.4, 0.4, 0.2))]


def _in_batches(
    network: Callable[[Tensor], Any], images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
    """Points, pose and presence of many crops."""
    outs = [network(picture_tensor(images[i : i + 64])) for i in range(0, len(images), 64)]
    points, pose = (torch.cat([getattr(o, name).float() for o in outs]).numpy() for name in ("points", "pose"))
    if outs[0].presence is None:
        return points, pose, None
    return points, pose, torch.cat([o.presence.float() for o in outs]).numpy()[:, 0]
