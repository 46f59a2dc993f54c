"""The parts of `python -m bench trust` that attack packs and inputs: they attack what they say."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from bench.hostile_graphs import graph_bombs, mutants, seed_graph
from bench.hostile_images import seeds
from bench.trust_inputs import measure_inputs
from bench.watched import watch
from facesdk.media.image import load_image
from facesdk.pack.graph_check import check_graph


def test_graphs_are_whole_before_they_are_damaged() -> None:
    for data in (seed_graph(), *graph_bombs().values()):
        onnx.checker.check_model(onnx.load_from_string(data))
    assert check_graph(seed_graph()) == [] and "Loop" in check_graph(graph_bombs()["endless-loop"])[0]
    assert all(len(data) < 4096 for data in graph_bombs().values())
    (mutant,) = mutants(seed_graph(), 1, np.random.default_rng(0))
    assert mutant != seed_graph() and len(mutant) == len(seed_graph())


def test_pictures_are_whole_before_they_are_damaged() -> None:
    assert {name: load_image(data).shape for name, data in seeds().items()} == dict.fromkeys(seeds(), (24, 32, 3))


def test_the_forks_say_how_each_graph_ended() -> None:
    pytest.importorskip("onnxruntime")
    outcomes = watch("bench.graph_child", [seed_graph(), b"no graph", graph_bombs()["expand"]])
    assert [outcome.what for outcome in outcomes] == ["ran", "refused", "refused"]


def test_the_inputs_part_reaches_its_bounds() -> None:
    report = measure_inputs(8, "none")
    figures = {figure.name: figure for figure in report.figures}
    assert figures["hostile pictures: mutants decoded"].value == 64
    assert figures["hostile pictures: crashes"].ok and figures["hostile pictures: other exceptions"].ok
    assert figures["bombs: given"].value == 12 and figures["bombs: refused"].ok
