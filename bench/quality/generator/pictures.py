"""The generator's test set: aligned pictures before plain backdrops, of people that training never showed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from bench.quality.test_set import Arrays
from facesdk.errors import InputError
from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import load_shards, write_shards
from train.data.face_world.types import HeadName
from train.data.portrait_data import face_masks, portraits


@dataclass(frozen=True)
class GeneratorSetOptions:
    """What decides the test set.

    Attributes:
        heads: head models, used in turn.
        identities: test identities in all, shared evenly by the heads.
        pictures: filled up to whole shards.
        seed: of the settings and the backdrops.
        size: side of a picture in pixels.
        members, settings: people of a set, and settings that each set is rendered in.
        supersample, hair_strands: of the renderer.
    """

    heads: tuple[HeadName, ...]
    identities: int = 250
    pictures: int = 1024
    seed: int = 7
    size: int = 128
    members: int = 4
    settings: int = 4
    supersample: int = 2
    hair_strands: int = 5000

    def __post_init__(self) -> None:
        least = 2 * self.members * max(1, len(self.heads))
        if not self.heads or self.identities < least or self.pictures < 1:
            raise InputError(
                f"generator test set: {self.identities} identities, {self.pictures} pictures of heads {self.heads}.",
                f"Ask for a head model, a picture and {least} identities at least.",
            )

    @property
    def shards(self) -> ShardOptions:
        """The options of its shards: one set of each head in a shard, as the generator's training pictures are made."""
        return ShardOptions(
            kind="swap",
            split="test",
            size=self.size,
            seed=self.seed,
            heads=self.heads,
            identities=self.identities // len(self.heads),
            members=self.members,
            settings_per_set=self.settings,
            sets_per_shard=len(self.heads),
            supersample=self.supersample,
            hair_strands=self.hair_strands,
        )


@dataclass(frozen=True, eq=False)
class GeneratorSet:
    """Pictures with their truth.

    Attributes:
        rgb: (N, S, S, 3) uint8, before plain backdrops.
        face: (N, S, S) bool, skin of the face with all that lies in it.
        arrays: the shards' other fields, N rows each.
    """

    rgb: NDArray[np.uint8]
    face: NDArray[np.bool_]
    arrays: Arrays

    def __len__(self) -> int:
        return len(self.rgb)

    @property
    def people(self) -> int:
        """How many people they show."""
        return len(np.unique(self.arrays["identity"]))


def load_generator_set(directory: Path, options: GeneratorSetOptions, workers: int = 2) -> GeneratorSet:
    """The test set, rendered on first use.

    Args:
        directory: where it is kept, a folder for each set of options.
        options: what decides it.
        workers: processes that render.

    Raises:
        InputError: a head model is not here, or the folder holds another version's pictures.
    """
    shards = options.shards
    name = f"latent_flow-{'-'.join(options.heads)}-i{options.identities}-s{options.seed}"
    folder = directory / name
    with Progress() as bar:
        task = bar.add_task(shards.name, total=None)
        write_shards(
            folder,
            shards,
            options.pictures,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    arrays: dict[str, Any] = load_shards(folder, "swap", "test", most=-(-options.pictures // shards.images_per_shard))
    rows = np.arange(len(arrays["rgb"]))
    rgb, face = portraits(arrays, rows, options.seed), face_masks(arrays, rows)
    del arrays["rgb"]
    return GeneratorSet(rgb, face, arrays)
