"""Which head model a person is of, and which ones a network was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.data.face_world.sample import HEADS, SEEDS_PER_HEAD
from train.data.face_world.types import HeadName
from train.evaluate import verification_auc


def head_names(identities: NDArray[np.integer]) -> NDArray[np.str_]:
    """Head model of each identity number."""
    return np.array(HEADS)[identities // SEEDS_PER_HEAD]


def trained_heads(training: Mapping[str, Any], net: str) -> tuple[HeadName, ...]:
    """The head models that a net's training data were rendered with.

    Args:
        training: of a pack's manifest.
        net: such as "detector".

    Returns:
        Names in the order of HEADS; empty where the manifest does not say.
    """
    worlds = training.get("nets", {}).get(net, {}).get("data", {}).get("worlds", [])
    used = {
        head
        for world in worlds
        for name, entry in world.get("sets", {}).items()
        if name.endswith("-train")
        for head in entry.get("options", {}).get("heads", [])
    }
    return tuple(head for head in HEADS if head in used)


def world_label(training: Mapping[str, Any], net: str, head: str) -> str:
    """How a figure of one head model is called: "head own", or cross-world where training never showed that model."""
    trained = trained_heads(training, net)
    return f"cross-world, {'+'.join(trained)} to {head}" if trained and head not in trained else f"head {head}"


def auc_by_head(
    embeddings: NDArray[np.floating], identities: NDArray[np.integer], groups: NDArray[np.integer] | None = None
) -> dict[str, float]:
    """Verification AUC within each head model; pairs across them are too easy to count. Without pairs, none.

    Args:
        embeddings: (N, E).
        identities: (N,) identity numbers.
        groups: (N,); pairs of one group are left out.
    """
    heads = head_names(identities)
    out = {}
    for head in np.unique(heads):
        rows = heads == head
        auc = verification_auc(embeddings[rows], identities[rows], None if groups is None else groups[rows])
        if np.isfinite(auc):
            out[str(head)] = auc
    return out
