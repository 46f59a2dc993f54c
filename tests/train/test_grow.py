"""A grown net computes what the smaller one did, and its new parts learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facesdk.errors import InputError
from train.checkpoint import config_dict, load_model, save_weights
from train.grow import grow, main
from train.models.faces.landmarks import PRESETS, Landmarks

SMALL = replace(PRESETS["tiny"], widths=(4, 4, 8, 8, 8), neck=4)
LARGE = replace(PRESETS["tiny"], widths=(8, 8, 8, 16, 16), neck=8, blocks=(2, 1, 2))


def _trained(config: object) -> Landmarks:
    """Random weights everywhere, statistics of normalisation too, as after a training."""
    torch.manual_seed(0)
    network = Landmarks(config)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 if "running_var" in name else 0.3 * torch.randn_like(value))
    return network.eval()


@torch.no_grad()
def test_a_grown_net_computes_the_same() -> None:
    small, large = _trained(SMALL), Landmarks(LARGE).eval()
    crops = torch.randn(3, 3, 64, 64)
    assert not torch.allclose(small(crops).points, large(crops).points, atol=1e-3)
    grow(small, large)
    for expected, found in zip(small(crops), large(crops)):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_new_learns() -> None:
    small, large = _trained(SMALL), Landmarks(LARGE)
    grow(small, large)
    start = {name: value.clone() for name, value in large.named_parameters()}
    optimizer = torch.optim.Adam(large.parameters(), 1e-2)
    for _ in range(3):  # new channels are read after one step, and so have a gradient in the next
        optimizer.zero_grad()
        large(torch.randn(4, 3, 64, 64)).points.square().sum().backward()
        optimizer.step()
    new_channels = {"stem.0.weight": slice(4, None), "down3.0.0.weight": slice(8, None)}
    for name, rows in new_channels.items():
        assert (dict(large.named_parameters())[name][rows] != start[name][rows]).any(), name
    assert (large.down1[2].conv2.weight != start["down1.2.conv2.weight"]).any()


def test_a_narrower_net_is_refused() -> None:
    with pytest.raises(InputError, match="lateral1"):
        grow(_trained(SMALL), Landmarks(replace(LARGE, neck=2)))


def test_the_command_writes_a_run_to_start_from(tmp_path: Path) -> None:
    small = _trained(SMALL)
    record = {
        "net": "landmarks",
        "family": "faces",
        "preset": "small",
        "config": config_dict(SMALL),
        "step": 7,
        "data": {},
    }
    save_weights(tmp_path / "small", small.state_dict(), record)
    main(tmp_path / "small", tmp_path / "large", preset="tiny")
    grown, found = load_model(tmp_path / "large")
    assert found["preset"] == "tiny" and grown.config == PRESETS["tiny"]
    crops = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(grown(crops).points, small(crops).points, rtol=1e-4, atol=1e-4)
