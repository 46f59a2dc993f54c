"""Batches of fixed sizes: which graphs get them, how a batch is cut, and that the results are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.pack import Pack, TensorSpec
from facesdk.pack.manifest import GraphSpec
from facesdk.runtime.fixed_batches import FIXED_BATCHES, MOST_GRAPH_BYTES, batch_axis, split_batch
from facesdk.runtime.openvino_session import OpenvinoSession
from tests.facesdk.fake_pack import write_fake_pack
from tests.facesdk.tiny_pack import tiny_convolution


def spec(*inputs: tuple[int | str, ...], output: tuple[int | str, ...] = ("n", 4)) -> GraphSpec:
    tensors = tuple(TensorSpec(f"x{index}", "float32", shape) for index, shape in enumerate(inputs))
    return GraphSpec("g.onnx", "0" * 64, 1, "fp32", tensors, (TensorSpec("y", "float32", output),))


def test_only_a_batch_axis_may_be_fixed():
    assert batch_axis(spec(("n", 3, 8, 8), ("n",)), 1) == "n"
    assert batch_axis(spec(("n", 3, "height", 8)), 1) is None
    assert batch_axis(spec(("n", 3), ("m", 3)), 1) is None
    assert batch_axis(spec(("n", 3), output=("n", "cells")), 1) is None
    assert batch_axis(spec((1, 3)), 1) is None and batch_axis(spec(("n", 3), output=(4,)), 1) is None
    assert batch_axis(spec(("n", 3)), MOST_GRAPH_BYTES + 1) is None


@pytest.mark.parametrize("count", range(1, 20))
def test_a_batch_is_cut_without_gaps_into_few_pieces(count: int):
    pieces = list(split_batch(count))
    assert [start for start, _ in pieces] == np.cumsum([0, *(size for _, size in pieces)])[:-1].tolist()
    assert sum(size for _, size in pieces) == count and {size for _, size in pieces} <= set(FIXED_BATCHES)
    assert len(pieces) == count // FIXED_BATCHES[0] + count % FIXED_BATCHES[0]


@pytest.mark.parametrize("batch", [1, 3, 4, 6])
def test_rows_stay_in_order_and_only_what_is_needed_is_compiled(tiny_pack: Pack, batch: int):
    pytest.importorskip("openvino")
    graph = tiny_pack.manifest.graph("faces", "edges")
    fixed = replace(graph, inputs=(TensorSpec("image", "float32", ("batch", 3, 8, 12)),), outputs=(
        TensorSpec("edges", "float32", ("batch", 4, 8, 12)),))  # fmt: skip
    session = OpenvinoSession("faces.edges", fixed, tiny_pack.graph("faces", "edges"), 1, "f32")
    image = np.random.default_rng(batch).uniform(-1, 1, (batch, 3, 8, 12)).astype(np.float32)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=2e-6)
    needed = {1: set(), 3: {(1, 0)}, 4: {(4, 0)}, 6: {(4, 0), (1, 0)}}[batch]
    assert set(session._models) == {(1, None)} | needed


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_batch_gave_is_not_written_by_the_next(tiny_pack: Pack, threads: int):
    pytest.importorskip("openvino")
    graph = tiny_pack.manifest.graph("faces", "edges")
    fixed = replace(graph, inputs=(TensorSpec("image", "float32", ("batch", 3, 8, 12)),), outputs=(
        TensorSpec("edges", "float32", ("batch", 4, 8, 12)),))  # fmt: skip
    session = OpenvinoSession("faces.edges", fixed, tiny_pack.graph("faces", "edges"), threads, "f32")
    first, second = np.random.default_rng(0).uniform(-1, 1, (2, 9, 3, 8, 12)).astype(np.float32)
    kept = session.run({"image": first})["edges"]
    np.testing.assert_allclose(session.run({"image": second})["edges"], tiny_convolution(second), atol=2e-6)
    np.testing.assert_allclose(kept, tiny_convolution(first), atol=2e-6)


def test_a_graph_with_other_free_axes_is_compiled_as_it_is(tmp_path_factory: pytest.TempPathFactory):
    pytest.importorskip("openvino")
    pack = write_fake_pack(tmp_path_factory.mktemp("p") / "fake")
    graph = pack.manifest.graph("faces", "detector")
    session = OpenvinoSession("faces.detector", graph, pack.graph("faces", "detector"), 1, "f32")
    for side in (64, 96):
        assert session.run({"image": np.zeros((1, 3, side, side), np.float32)})["score_32"].shape[0] == 1
    assert set(session._models) == {(0, None)}
