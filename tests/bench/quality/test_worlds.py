from __future__ import annotations

import numpy as np

from bench.quality.worlds import auc_by_head, head_names, trained_heads, world_label


def _training(*heads: str) -> dict[str, object]:
    sets = {"portrait-train": {"options": {"heads": list(heads)}}, "portrait-validation": {"options": {"heads": ["x"]}}}
    return {"nets": {"detector": {"data": {"worlds": [{"sets": sets}]}}}}


def test_labels_say_where_a_world_is_new() -> None:
    assert trained_heads(_training("facekit", "own"), "detector") == ("own", "facekit")
    assert trained_heads(_training("own"), "parser") == () == trained_heads({}, "detector")
    assert world_label(_training("own"), "detector", "facekit") == "cross-world, own to facekit"
    assert world_label(_training("own"), "detector", "own") == "head own"
    assert world_label({}, "detector", "facekit") == "head facekit"


def test_pairs_across_head_models_do_not_count() -> None:
    identities = np.array([1, 1, 2, 2, 100_001, 100_001, 100_002, 100_002])
    assert head_names(identities).tolist() == ["own"] * 4 + ["facekit"] * 4
    # The own head is told apart by model only, not by person; FaceKit's people are told apart perfectly.
    embeddings = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1.0]])
    assert auc_by_head(embeddings, identities) == {"own": 0.5, "facekit": 1.0}
    # Without a pair of one person there is nothing to measure.
    assert auc_by_head(embeddings[[0, 2]], identities[[0, 2]]) == {}
    groups = np.array([0, 0, 1, 1, 2, 3, 2, 3])
    assert auc_by_head(embeddings, identities, groups) == {"facekit": 1.0}
