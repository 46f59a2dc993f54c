"""What a data set on disk holds, read shard by shard so that a large one fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.face_world.shard_options import Kind
from train.data.face_world.shards import Arrays
from train.data.face_world.types import Split


@dataclass(frozen=True)
class Field:
    """One array of a data set: its shape over all shards, and its range where it is a number."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Summary:
    """Counts and fields of a data set; `sample` is its first shard."""

    images: int
    shards: int
    people: int
    groups: int
    fields: tuple[Field, ...]
    sample: Arrays


def summarize(directory: Path, kind: Kind, split: Split) -> Summary:
    """Counts and ranges of a data set; one that was stopped before its first shard has no fields.

    Args:
        directory: of the data set.
        kind: of the data set.
        split: of the data set.
    """
    paths = sorted(directory.glob(f"{kind}-{split}-[0-9]*.npz"))
    fields: dict[str, Field] = {}
    people: set[int] = set()
    groups: set[int] = set()
    sample: Arrays = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            arrays = {name: shard[name] for name in shard.files}
        people.update(arrays["identity"].tolist())
        groups.update(arrays["group"].tolist())
        for name, values in arrays.items():
            fields[name] = _widen(fields.get(name), name, values)
        sample = sample or arrays
    images = next(iter(fields.values())).shape[0] if fields else 0
    return Summary(images, len(paths), len(people), len(groups), tuple(fields.values()), sample)


def _widen(known: Field | None, name: str, values: NDArray[np.generic]) -> Field:
    low = high = None
    if values.dtype.kind in "iuf":
        low, high = float(values.min()), float(values.max())
        if known is not None and known.low is not None and known.high is not None:
            low, high = min(low, known.low), max(high, known.high)
    count = len(values) + (known.shape[0] if known else 0)
    return Field(name, (count, *values.shape[1:]), str(values.dtype), low, high)
