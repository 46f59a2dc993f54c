from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.probe import EXPECTED_SHARE, MAP_CELLS, probe_arrays, probe_feeds, short_mantissa, short_steps
from export.torch_graph import TorchGraph, float32


@pytest.mark.parametrize("bits", [6, 11, 20])
def test_rounding_keeps_that_many_bits(bits: int) -> None:
    values = np.random.default_rng(0).normal(0, 100, 5000).astype(np.float32)
    short = short_mantissa(values, bits)
    error = np.abs(short - values) / np.abs(values)
    assert 2.0 ** -(bits + 2) < error.max() <= 2.0**-bits
    # The bits below are zero, which is what compresses.
    assert not np.any(short.view(np.uint32) & ((1 << (24 - bits)) - 1))


@pytest.mark.parametrize("error", [1e-4, 0.01, 0.25])
def test_steps_are_as_wide_as_the_error_allows(error: float) -> None:
    values = np.random.default_rng(0).normal(0, 3, 5000).astype(np.float32)
    found = np.abs(short_steps(values, error) - values).max()
    assert error / 1.45 < found <= error * 1.42
    np.testing.assert_array_equal(short_steps(np.array([0, 1, -2], np.float32), error), [0, 1, -2])


def test_what_the_runtimes_cannot_tell_is_not_kept(graph: TorchGraph) -> None:
    exact, coarse = (probe_arrays([graph], errors=errors)[1] for errors in (None, {"test.small": 1e-2}))
    for name, want in exact.items():
        off = np.abs(coarse[name] - want).max()
        assert 0 < off <= 1e-2 * 1.42


def test_zeros_and_ones_stay() -> None:
    np.testing.assert_array_equal(short_mantissa(np.array([0, 1, -1, 0.5], np.float32), 6), [0, 1, -1, 0.5])


def test_expected_is_what_torch_gives_for_the_stored_inputs(graph: TorchGraph) -> None:
    inputs, expected = probe_arrays([graph])
    assert set(inputs) == {"test.small.image", "test.small.codes"}
    again = graph.run_torch({key.rpartition(".")[2]: value for key, value in inputs.items()})
    for name, want in again.items():
        got = expected[f"test.small.{name}"]
        assert got.dtype == np.float32
        assert np.abs(got - want).max() <= 1.42 * EXPECTED_SHARE * np.abs(want).max()


def test_extending_replaces_the_graphs_own_arrays_only(graph: TorchGraph) -> None:
    old = {"test.small.gone": np.ones(1), "test.smaller.stays": np.ones(2)}
    inputs, expected = probe_arrays([graph], (dict(old), dict(old)))
    for arrays in (inputs, expected):
        assert "test.smaller.stays" in arrays and "test.small.gone" not in arrays


def test_large_maps_are_blocks_of_their_means() -> None:
    net = nn.Conv2d(3, 5, 1).eval()

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        return pictures, net(pictures)

    picture = float32("image", "batch", 3, 32, 32)
    feature, out = float32("feature", "batch", 5, 32, 32), float32("y", "batch", 5, 32, 32)
    graph = TorchGraph(
        "test", "decoder", lambda image, maps: maps + image.mean(), (picture, feature), (out,), (net,), picture, inputs
    )
    feeds = probe_feeds(graph)
    side = 32 // MAP_CELLS
    blocks = feeds["feature"].reshape(1, 5, MAP_CELLS, side, MAP_CELLS, side)
    assert np.all(blocks == blocks[:, :, :, :1, :, :1])
    with torch.no_grad():
        mean = net(torch.from_numpy(feeds["image"]))[0, :, :side, :side].mean((1, 2)).numpy()
    np.testing.assert_allclose(feeds["feature"][0, :, 0, 0], mean, rtol=0.05, atol=0.02)
    assert len(np.unique(feeds["image"])) > 50
