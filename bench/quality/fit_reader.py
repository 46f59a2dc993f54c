"""Fits the shape reader to rendered people of the training split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.quality.judge import load_judge
from bench.quality.shape_reader import ShapeReader, fit_shape_reader, weights_digest
from train.data.face_world.shards import list_shards
from train.data.face_world.vectors import IDENTITY_FIELDS

FIELDS = ("rgb", "landmarks", "identity", "identity_vector")
SHAPE_WIDTH = sum(name.startswith("landmark_") for name in IDENTITY_FIELDS)


def fit_from_folders(folders: Sequence[Path], judge: Path, pictures: int, seed: int) -> ShapeReader:
    """Fits it to the people with even numbers: the judge was trained on those with odd ones and knows them too well.

    Args:
        folders: with swap shards of the training split.
        judge: run folder.
        pictures: at most, shared by the folders; shards are drawn, so that memory stays small.
        seed: of the draw.

    Raises:
        InputError: a folder has no shards, or there are too few people.
    """
    embed = load_judge(judge)
    rng = np.random.default_rng(seed)
    parts = []
    for folder in folders:
        left = -(-pictures // len(folders))
        shards = list_shards(folder, "swap", "train")
        for index in rng.permutation(len(shards)):
            if left <= 0:
                break
            with np.load(shards[index], allow_pickle=False) as shard:
                rows = np.flatnonzero(shard["identity"] % 2 == 0)[:left]
                found = {name: shard[name][rows] for name in FIELDS}
            left -= len(rows)
            parts.append(
                (embed(found["rgb"], found["landmarks"]), found["identity"], found["identity_vector"][:, :SHAPE_WIDTH])
            )
    embeddings, identities, shapes = (np.concatenate(part) for part in zip(*parts))
    return fit_shape_reader(embeddings, identities, shapes, weights_digest(judge))
