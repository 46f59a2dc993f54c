from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from train.presets import load_worlds


def _shard(folder: Path, split: str, value: int, groups: int) -> None:
    folder.mkdir(exist_ok=True)
    np.savez(folder / f"swap-{split}-00000.npz", rgb=np.full((groups, 2), value), group=np.arange(groups))


def test_folders_are_joined_and_their_groups_stay_apart(tmp_path: Path):
    _shard(tmp_path / "a", "train", 1, 2)
    _shard(tmp_path / "b", "train", 2, 3)
    joined = load_worlds([tmp_path / "a", tmp_path / "b"], "swap", "train", ("rgb", "group"))
    assert joined["rgb"][:, 0].tolist() == [1, 1, 2, 2, 2]
    assert len(np.unique(joined["group"])) == 5


def test_a_folder_may_lack_validation_but_not_training_shards(tmp_path: Path):
    a, b = tmp_path / "a", tmp_path / "b"
    _shard(a, "train", 1, 2)
    _shard(b, "validation", 2, 3)
    assert load_worlds([a, b], "swap", "validation", ("rgb",))["rgb"][:, 0].tolist() == [2, 2, 2]
    with pytest.raises(InputError, match="no swap-train shards"):
        load_worlds([a, b], "swap", "train", ("rgb",))
    with pytest.raises(InputError, match="no swap-validation shards"):
        load_worlds([a], "swap", "validation", ("rgb",))
