"""Families without weights: their numbers are finite and differ from picture to picture, as a budget's engines need."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.families.by_name import trained_family, untrained_family
from export.probe import probe_feeds
from facesdk.errors import InputError
from train.models.faces import PRESETS, Recogniser


@pytest.mark.parametrize("name", ["style_swap", "faces", "latent_flow"])
def test_every_graph_passes_signals(name: str) -> None:
    torch.set_num_threads(1)
    family = untrained_family(name, "tiny")
    assert family.name == name
    for graph in family.graphs:
        first = graph.run_torch(probe_feeds(graph))
        second = graph.run_torch(graph.sample(np.random.default_rng(9), graph.probe_sizes))
        assert all(np.isfinite(value).all() and np.abs(value).max() < 1e3 for value in first.values()), graph.key
        # The landmark net's last layers start at zero for what it says beside the points.
        assert any(not np.array_equal(first[key], second[key]) for key in first), graph.key
    assert all("never trained" in record["notes"][0] for record in family.training.values())


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two, other = (untrained_family("style_swap", "tiny", seed).graphs[0].owners[0] for seed in (0, 0, 1))
    pairs = [list(net.parameters()) for net in (one, two, other)]
    assert all(torch.equal(a, b) for a, b in zip(pairs[0], pairs[1]))
    assert not all(torch.equal(a, b) for a, b in zip(pairs[0], pairs[2]))


def test_statistics_of_a_deep_network_are_those_of_pictures() -> None:
    """What the paper's recogniser would reach without them float16 does not hold."""
    torch.manual_seed(0)
    plain = Recogniser(PRESETS["recogniser"]["tiny"]).eval()
    norms = [layer for layer in plain.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and all(float(layer.running_mean.abs().max()) == 0.0 for layer in norms)  # type: ignore[union-attr]
    family = untrained_family("faces", "tiny")
    net = next(graph for graph in family.graphs if graph.name == "recogniser").owners[0]
    taken = [layer for layer in net.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert all(float(layer.running_mean.abs().max()) > 0.0 for layer in taken)  # type: ignore[union-attr]
    assert not net.training


def test_what_there_is_not_is_named(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(InputError, match="neither a pack's folder nor a family"):
        untrained_family("diffusion", "paper")
    for name in ("style_swap", "faces", "latent_flow"):
        with pytest.raises(InputError, match="'giant'"):
            untrained_family(name, "giant")
    with pytest.raises(InputError, match="none of this|got the networks"):
        trained_family("faces", Path(str(tmp_path)), "tiny")
