"""Encoder: shapes, sizes, keys and order of the styles."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from train.models.layers import parameter_count
from train.models.style_swap import PRESETS, Encoder, EncoderConfig

TINY = PRESETS["tiny"]


def test_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        encoder = Encoder(PRESETS["paper"])
    # specification A1: body 30.95 M, heads and lateral convolutions 217.3 M
    assert parameter_count(encoder.body) + parameter_count(encoder.input_layer) == pytest.approx(30.95e6, abs=5e3)
    heads = parameter_count(encoder.styles) + parameter_count(encoder.latlayer1) + parameter_count(encoder.latlayer2)
    assert heads == pytest.approx(217.3e6, abs=5e4)
    assert len(encoder.body) == 24 and encoder.stage_ends == [2, 6, 20, 23] and len(encoder.styles) == 18
    assert [len(encoder.styles[i].convs) // 2 for i in (0, 6, 12)] == [4, 5, 6]


def test_paper_has_the_sources_keys() -> None:
    with torch.device("meta"):
        keys = set(Encoder(PRESETS["paper"]).state_dict())
    for key in (
        "input_layer.2.weight",
        "body.0.res_layer.5.fc2.weight",
        "body.3.shortcut_layer.1.running_mean",
        "body.23.res_layer.4.weight",
        "latlayer1.weight",
        "styles.17.convs.10.bias",
        "styles.0.linear.weight",
    ):
        assert key in keys


def test_shapes_and_order_of_features() -> None:
    encoder = Encoder(TINY).eval()
    codes, features = encoder(torch.randn(2, 3, 32, 32))
    assert codes.shape == (2, 8, 16) and codes.dtype == torch.float32
    assert [f.shape[1:] for f in features] == [(16, 8, 8), (16, 16, 16)]
    assert TINY.feature_names == ("feature_8", "feature_16")


def test_body_features_hand_over_a_stage_beside_the_pyramid() -> None:
    config = dataclasses.replace(
        TINY,
        encoder=dataclasses.replace(TINY.encoder, body_features=(1,)),
        decoder=dataclasses.replace(TINY.decoder, shortcuts=(8, 32)),
    )
    _, features = Encoder(config)(torch.randn(1, 3, 32, 32))
    assert [tuple(f.shape[1:]) for f in features] == [(16, 8, 8), (8, 32, 32)]


def test_coarse_styles_come_from_the_coarse_level() -> None:
    torch.manual_seed(0)
    encoder = Encoder(TINY).eval()
    image = torch.randn(1, 3, 32, 32)
    before = encoder(image)[0]
    with torch.no_grad():
        encoder.latlayer2.weight.add_(torch.randn_like(encoder.latlayer2.weight))
    moved = (encoder(image)[0] - before).abs().amax((0, 2)) > 1e-6
    # tiny: 2 styles of the 4 px level, 2 of the 8 px level, 4 of the 16 px level that latlayer2 feeds
    assert moved.tolist() == [False] * 4 + [True] * 4


def test_mean_style_is_added() -> None:
    encoder = Encoder(TINY).eval()
    image = torch.randn(1, 3, 32, 32)
    before = encoder(image)[0]
    encoder.w_avg += 2.5
    assert torch.allclose(encoder(image)[0], before + 2.5, atol=1e-5)
    assert "w_avg" in encoder.state_dict()


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("heads", ["separate", "shared"])
def test_every_norm_and_head_trains_every_parameter(norm: str, heads: str) -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, encoder=dataclasses.replace(TINY.encoder, norm=norm, heads=heads))
    encoder = Encoder(config).train()
    codes, features = encoder(torch.randn(4, 3, 32, 32))
    (codes.square().sum() + sum(f.square().sum() for f in features)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_pooled_head_has_the_depth_of_the_pooled_side() -> None:
    config = PRESETS["nano"]
    encoder = Encoder(config)
    assert [len(head.convs) // 2 for head in encoder.styles] == [3, 3, 3]
    assert EncoderConfig().fpn_width == 512 and config.encoder.styles == config.decoder.styles == 12
