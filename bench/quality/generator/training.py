"""The pictures that the generator was trained on, read a few at a time, since all of them would fill the memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.data.face_world.shards import list_shards, read_world
from train.data.portrait_data import before_backdrop

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
BACKDROP_SEED = 0


class TrainingPictures:
    """Training shards of one or several folders as one list of pictures, each before a fixed plain backdrop.

    Args:
        folders: that `python -m train.data.face_world render` wrote; those of the pack's training, in any order.

    Raises:
        InputError: no folder, or one without training shards.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        if not folders:
            raise InputError("no folder with training pictures was named.", "Add --train DIR.")
        self._folders = sorted(folders)
        self._paths = [path for folder in self._folders for path in list_shards(folder, "swap", "train")]
        people = [self._field(path, "identity") for path in self._paths]
        self.identity: I64 = np.concatenate(people)
        self._starts = np.cumsum([0, *(len(part) for part in people)])

    def __len__(self) -> int:
        return len(self.identity)

    @property
    def shards(self) -> int:
        """How many files the pictures lie in."""
        return len(self._paths)

    @property
    def description(self) -> str:
        """Tells one list of pictures from another: what each folder was rendered with, and which shards are there."""
        worlds = [json.dumps(read_world(folder), sort_keys=True) for folder in self._folders]
        return " ".join([*worlds, *(path.name for path in self._paths), str(BACKDROP_SEED)])

    def read(self, rows: I64) -> U8:
        """Some pictures in the order asked for, (N, S, S, 3) uint8."""
        pictures: list[U8 | None] = [None] * len(rows)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(shard_of):
            rgb, parts = self._pictures(int(shard))
            for place in np.flatnonzero(shard_of == shard):
                row = int(rows[place])
                at = row - int(self._starts[shard])
                pictures[place] = before_backdrop(rgb[at], parts[at], np.random.default_rng([BACKDROP_SEED, row]))
        return np.stack([picture for picture in pictures if picture is not None])

    def blocks(self) -> Iterator[U8]:
        """All pictures in order, a shard at a time."""
        for first, last in zip(self._starts[:-1], self._starts[1:]):
            yield self.read(np.arange(first, last))

    def halves(self, count: int, seed: int = 0) -> tuple[I64, I64]:
        """Two sets of rows of different people, drawn evenly from all.

        Args:
            count: rows of each.
            seed: of the draw.

        Returns:
            (count,) and (count,).

        Raises:
            InputError: there are too few pictures.
        """
        # Two neighbours in a half: the judge was trained on odd numbers, and each half holds as many of those.
        half = self.identity // 2 % 2
        rng = np.random.default_rng(seed)
        sets = [rng.permutation(np.flatnonzero(half == side)) for side in (0, 1)]
        if min(len(part) for part in sets) < count:
            raise InputError(
                f"{len(self)} training pictures are too few for two sets of {count}.",
                f"Name all folders of the training with --train, or take --samples {min(map(len, sets))}.",
            )
        return sets[0][:count], sets[1][:count]

    def spread(self, count: int, seed: int = 0) -> I64:
        """At most `count` rows drawn from all, in rising order."""
        return np.sort(np.random.default_rng(seed).permutation(len(self))[:count])

    def _pictures(self, shard: int) -> tuple[U8, U8]:
        return self._field(self._paths[shard], "rgb"), self._field(self._paths[shard], "parts")

    @staticmethod
    def _field(path: Path, name: str) -> NDArray[Any]:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored[name])
