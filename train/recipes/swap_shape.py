"""The shape path's own stage: where the exact swap's landmarks lie, learned from landmarks without a picture."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor, nn

from train.data.mirror import mirrored_points
from train.data.swap_data import MIRROR, SwapData
from train.losses.geometry import relative_error
from train.models.faces.landmarks import REFINE_SCALE
from train.models.style_swap import StyleSwap
from train.recipe import StepOutput
from train.recipes.net_crops import landmark_crop
from train.recipes.tensors import picture_tensor

BATCH = 64
ALIKE, COMPONENTS = (
    16,
    10,
)  # pictures whose readings may be lent to other points, and in how many numbers they are alike


class ShapeTraining(nn.Module):
    """One step's loss of the shape path; the rest of the generator is not run.

    Args:
        network: the generator, with a shape path.
        weight: of the loss.
    """

    def __init__(self, network: StyleSwap, weight: float) -> None:
        super().__init__()
        assert network.shape is not None
        self.network, self.weight = network, weight
        network.requires_grad_(False)
        network.shape.requires_grad_(True)

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        path = self.network.shape
        assert path is not None
        wanted = path.wanted(path.code(batch["source_points"]), batch["target_points"])
        exact = batch["exact_points"]
        error = relative_error(wanted.float(), exact, torch.ones_like(exact[..., 0]))
        return StepOutput({"shape": self.weight * error}, {})


@torch.no_grad()
def found_points(
    net: nn.Module | None, pictures: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Landmarks as the landmark net finds them, which is how the path is told them in use.

    Args:
        net: frozen landmark net; without one the true landmarks are taken, and a warning is given.
        pictures: (N, S, S, 3) uint8.
        landmarks: (N, 68, 2) true ones, pixels: where the net looks.

    Returns:
        (N, 68, 2) share of the picture.
    """
    side = pictures.shape[1]
    if net is None:
        warnings.warn("style_swap: no landmark net was given; the shape path learns from true landmarks.", stacklevel=2)
        return (landmarks / side).astype(np.float32)
    out = []
    for i in range(0, len(pictures), BATCH):
        marks = torch.from_numpy(landmarks[i : i + BATCH]).float()
        found = net(landmark_crop(picture_tensor(pictures[i : i + BATCH]), marks, net.config.image_size)).points
        low, high = marks.amin(1), marks.amax(1)
        width = REFINE_SCALE * (high - low).amax(1)[:, None, None]
        out.append(((low + high)[:, None] / 2 + width * (found.float() - 0.5)) / side)
    return torch.cat(out).numpy()


def lent_points(
    landmarks: NDArray[np.float32], found: NDArray[np.float32], true: NDArray[np.float32], seed: int = 0
) -> NDArray[np.float32]:
    """Points of people without a picture, off by what the landmark net was off on a picture with points like theirs.

    Args:
        landmarks: (M, 68, 2) of theirs.
        found: (N, 68, 2) of pictures, in the same unit.
        true: (N, 68, 2) of the same pictures.
        seed: of the choice.

    Returns:
        (M, 68, 2).
    """
    flat = true.reshape(len(true), -1)
    mean = flat.mean(0)
    axes = np.linalg.svd((flat - mean)[: 20 * flat.shape[1]], full_matrices=False)[2][:COMPONENTS].T
    count = min(ALIKE, len(true))
    _, alike = cKDTree((flat - mean) @ axes).query((landmarks.reshape(len(landmarks), -1) - mean) @ axes, k=count)
    rng = np.random.default_rng(seed)
    lender = alike.reshape(len(landmarks), count)[np.arange(len(landmarks)), rng.integers(0, count, len(landmarks))]
    return (landmarks + found[lender] - true[lender]).astype(np.float32)


def shape_arrays(
    pictures: Mapping[str, NDArray[Any]], points: Mapping[str, NDArray[Any]] | None, side: int
) -> dict[str, NDArray[Any]]:
    """What the path learns from.

    Args:
        pictures: swap arrays with `found_points` as "points".
        points: arrays of the kind "points", in groups of their own, or None.
        side: of the pictures.

    Returns:
        identity, group, landmarks and points of all; both points as shares of the crop.
    """
    names = ("identity", "group", "landmarks", "points")
    known = {name: pictures[name] for name in names} | {"landmarks": pictures["landmarks"] / np.float32(side)}
    if points is None:
        return known
    marks = points["landmarks"] / np.float32(side)
    others = {**points, "landmarks": marks, "points": lent_points(marks, known["points"], known["landmarks"])}
    return {name: np.concatenate([known[name], others[name]]) for name in names}


def shape_batch(data: SwapData, rng: np.random.Generator, count: int, mirror: float = MIRROR) -> dict[str, Tensor]:
    """Points of triplets.

    Args:
        data: of `shape_arrays`.
        rng: source of randomness.
        count: B.
        mirror: how often a triplet is seen in a mirror.

    Returns:
        source_points, target_points as found and exact_points as they are, (B, 68, 2) share of the picture.
    """
    source, target, exact = data.draw_many(rng, count)
    mirrored = rng.random(count) < mirror
    columns = {"source": ("points", source), "target": ("points", target), "exact": ("landmarks", exact)}
    out = {}
    for name, (field, rows) in columns.items():
        chosen = data.arrays[field][rows]
        chosen[mirrored] = mirrored_points(chosen[mirrored], 1)
        out[f"{name}_points"] = torch.from_numpy(chosen)
    return out


@torch.no_grad()
def shape_figures(network: StyleSwap, data: SwapData, count: int) -> dict[str, Any]:
    """How far the wanted points are from the exact swap's on unseen people, over the eyes' distance.

    Args:
        network: averaged weights.
        data: validation `shape_arrays`.
        count: triplets.
    """
    path = network.shape
    assert path is not None
    batch = shape_batch(data, np.random.default_rng(0), count, mirror=0.0)
    exact = batch["exact_points"]
    wanted = path.wanted(path.code(batch["source_points"]), batch["target_points"])
    eyes = (exact[:, 36:42].mean(1) - exact[:, 42:48].mean(1)).norm(dim=-1)
    return {
        name: float(((points - exact).square().sum(-1).mean(-1).sqrt() / eyes).mean())
        for name, points in (("points_error", wanted), ("unchanged_error", batch["target_points"]))
    }
