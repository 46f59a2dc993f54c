"""Pictures of one size in one file a split, beside the shards that they belong to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.face_world.types import Split

U8 = NDArray[np.uint8]


def save_pictures(folder: Path, name: str, split: Split, pictures: Sequence[U8]) -> Path:
    """Writes (H, W, 3) uint8 pictures of one size to FOLDER/<name>-<split>.npz, whole or not at all; says where."""
    path = folder / f"{name}-{split}.npz"
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, rgb=np.stack(pictures))
    os.replace(temporary, path)
    return path


def has_pictures(folders: Sequence[Path], name: str, split: Split) -> bool:
    """Whether `load_pictures` finds some."""
    return any((folder / f"{name}-{split}.npz").is_file() for folder in folders)


def load_pictures(folders: Sequence[Path], name: str, split: Split) -> U8 | None:
    """The pictures (N, H, W, 3) uint8 of that name in some of the folders, joined; None if there are none."""
    found = []
    for path in (folder / f"{name}-{split}.npz" for folder in folders):
        if path.is_file():
            with np.load(path, allow_pickle=False) as file:
                found.append(file["rgb"])
    return np.concatenate(found) if found else None
