"""From the name of a net to its recipe with data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.errors import InputError
from train.checkpoint import start_from_weights
from train.data.face_world.shard_options import Kind
from train.data.face_world.shards import has_shards, load_shards, read_world
from train.data.face_world.types import Split
from train.models.faces import attributes, detector, landmarks, parser, recogniser
from train.models.latent_flow import vae, velocity
from train.models.style_swap import PRESETS as STYLE_SWAP_PRESETS
from train.recipe import Recipe
from train.recipes.attributes import AttributeRecipe
from train.recipes.detector import DetectorRecipe, detector_recipe
from train.recipes.flow import FlowRecipe, load_flow
from train.recipes.landmark_shape import without_shape
from train.recipes.landmarks import LandmarksRecipe, landmarks_recipe
from train.recipes.latents import FIELDS as LATENT_FIELDS
from train.recipes.parser import ParserRecipe
from train.recipes.recogniser import RecogniserRecipe
from train.recipes.style_swap import StyleSwapRecipe
from train.recipes.vae import VAERecipe

_GROUPS_PER_FOLDER = 1 << 40
_BASIC = ("rgb", "landmarks", "visible", "pose", "identity")
_SWAP = ("rgb", "parts", "landmarks", "identity", "donor", "group", "identity_vector", "attribute_vector")

# net: recipe, presets of the network, kind of shards, fields that are read
RECIPES: dict[str, tuple[type[Any], dict[str, Any], Kind, tuple[str, ...]]] = {
    "style_swap": (StyleSwapRecipe, STYLE_SWAP_PRESETS, "swap", _SWAP),
    "detector": (DetectorRecipe, detector.PRESETS, "portrait", (*_BASIC, "alpha")),
    "landmarks": (LandmarksRecipe, landmarks.PRESETS, "portrait", (*_BASIC, "alpha")),
    "recogniser": (
        RecogniserRecipe,
        recogniser.PRESETS,
        "swap",
        ("rgb", "parts", "landmarks", "identity", "group", "identity_vector"),
    ),
    "vae": (VAERecipe, vae.PRESETS, "swap", ("rgb", "parts")),
    "flow": (FlowRecipe, velocity.PRESETS, "swap", LATENT_FIELDS),
    "attributes": (
        AttributeRecipe,
        attributes.PRESETS,
        "swap",
        ("rgb", "parts", "donor", "pose", "identity_vector", "attribute_vector"),
    ),
    "parser": (ParserRecipe, parser.PRESETS, "swap", ("rgb", "parts", "landmarks", "identity")),
}


def load_worlds(
    folders: Sequence[Path], kind: Kind, split: Split, fields: tuple[str, ...], most: int | None = None
) -> dict[str, Any]:
    """Shards of several folders as one set; groups of different folders stay different.

    Args:
        folders: rendered with the same size; each holds training shards, one at least those of another split.
        kind: swap or portrait.
        split: train, validation or test.
        fields: arrays to read.
        most: shards to read of each folder; None for all.
    """
    parts = []
    there = [split == "train" or has_shards(folder, kind, split) for folder in folders]
    for number, folder in enumerate(folders):
        if any(there) and not there[number]:
            continue
        arrays = load_shards(folder, kind, split, fields, most)
        if "group" in arrays:
            arrays["group"] = arrays["group"] + number * _GROUPS_PER_FOLDER
        parts.append(arrays)
    return {
        name: np.concatenate([part[name] for part in parts]) if len(parts) > 1 else parts[0][name] for name in fields
    }


def load_recipe(
    net: str,
    preset: str,
    data: Sequence[Path],
    recogniser: Path | None = None,
    limit: int | None = None,
    landmarks: Path | None = None,
    vae: Path | None = None,
    parser: Path | None = None,
    vgg: Path | None = None,
    start: Path | None = None,
) -> Recipe:
    """Builds a recipe and reads its data.

    Args:
        net: name in RECIPES.
        preset: name of a preset that both the network and the recipe's settings have.
        data: folders of shards; none for a dry run.
        recogniser: run folder of a recogniser, for the identity losses of a swap and the identities of a flow.
        landmarks: run folder of a landmark net, for the landmark loss of a swap.
        limit: shards of training data to load at most, of each folder.
        vae: run folder of a VAE, whose latents a flow learns.
        parser: run folder of a parser, for the perceptual loss of a VAE, as the recogniser is.
        vgg: weights file of torchvision's VGG-19, for the same.
        start: run folder whose weights the training starts from; a second stage of a VAE or a swap takes over its
            heads or rate too.

    Raises:
        InputError: no such net or preset, or no shards.
    """
    if net not in RECIPES:
        raise InputError(f"no net {net!r} to train: expected one of {', '.join(RECIPES)}.")
    kind_of_recipe, presets, kind, fields = RECIPES[net]
    # "paper_decoder" is another training of the network "paper".
    sizes = preset.split("_")[0]
    if sizes not in presets:
        raise InputError(f"{net} has no preset {preset!r}: expected one of {', '.join(presets)}.")

    marked = [folder for folder in data if has_shards(folder, "points", "train")]
    pictured = [folder for folder in data if folder not in marked or has_shards(folder, kind, "train")]

    def arrays(split: Split, most: int | None) -> dict[str, Any] | None:
        return load_worlds(pictured, kind, split, fields, most) if pictured else None

    options = {"worlds": [read_world(folder) for folder in data], "shards": limit or "all"} if data else {}
    # A second stage of these two takes over more than the network.
    own_start: dict[str, Any] = {
        "style_swap": {"recogniser": recogniser, "landmarks": landmarks, "start": start},
        "vae": {"recogniser": recogniser, "parser": parser, "vgg": vgg, "start": start},
    }
    if net in own_start:
        pictures = arrays("train", limit), arrays("validation", None)
        if net == "style_swap" and marked and preset.endswith("_shape"):
            points = load_worlds(marked, "points", "train", ("landmarks", "identity", "group"), limit)
            points["group"] += len(data) * _GROUPS_PER_FOLDER  # they must not join the pictures' groups
            own_start[net]["more_points"] = points
        return kind_of_recipe(preset, presets[sizes], *pictures, options, **own_start[net])
    if net == "flow":
        recipe: Recipe = load_flow(preset, presets[sizes], arrays, limit, options, vae, recogniser)
    elif net == "landmarks" and data:
        recipe = landmarks_recipe(preset, presets[sizes], data, limit, options)
    elif net == "detector":
        recipe = detector_recipe(preset, presets[sizes], arrays, data, limit, options)
    else:
        recipe = kind_of_recipe(preset, presets[sizes], arrays("train", limit), arrays("validation", None), options)
    if start is not None:
        # The shape layers are fitted anew after the training.
        trained = without_shape if net == "landmarks" else None
        recipe.data_options["start"] = start_from_weights(recipe.network, start, trained)
    return recipe
