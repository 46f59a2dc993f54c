"""What the part that attacks packs is made of: its graphs are whole before they are damaged."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from bench.trust.hostile_graphs import graph_bombs, mutants, seed_graph
from bench.trust.watched import watch
from facesdk.pack.graph_check import check_graph


def test_graphs_are_whole_before_they_are_damaged() -> None:
    for data in (seed_graph(), *graph_bombs().values()):
        onnx.checker.check_model(onnx.load_from_string(data))
    assert check_graph(seed_graph()) == [] and "Loop" in check_graph(graph_bombs()["endless-loop"])[0]
    assert all(len(data) < 4096 for data in graph_bombs().values())
    (mutant,) = mutants(seed_graph(), 1, np.random.default_rng(0))
    assert mutant != seed_graph() and len(mutant) == len(seed_graph())


def test_the_forks_say_how_each_graph_ended() -> None:
    pytest.importorskip("onnxruntime")
    outcomes = watch("bench.trust.graph_child", [seed_graph(), b"no graph", graph_bombs()["expand"]])
    assert [outcome.what for outcome in outcomes] == ["ran", "refused", "refused"]
