"""The generator as a whole, the discriminator, the configs."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from facesdk.errors import InputError
from train.models.layers import parameter_count
from train.models.style_swap import (
    DISCRIMINATOR_PRESETS,
    PRESETS,
    Discriminator,
    EncoderConfig,
    StyleSwap,
    StyleSwapConfig,
)

TINY = PRESETS["tiny"]


def _network(seed: int = 0) -> StyleSwap:
    torch.manual_seed(seed)
    network = StyleSwap(TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


def test_whole_equals_its_three_parts() -> None:
    network = _network()
    source, target = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        output = network(source, target, "fixed")
        codes_target, features = network.encoder(target)
        codes_source, _ = network.encoder(source)
        codes, gate = network.blending(codes_target, codes_source)
        image, mask, _ = network.decoder(codes, features)
    for whole, part in (
        (output.image, image),
        (output.mask, mask),
        (output.codes, codes),
        (output.gate, gate),
        (output.codes_source, codes_source),
    ):
        assert torch.allclose(whole, part, atol=1e-4)


def test_source_and_target_are_not_exchangeable() -> None:
    network = _network()
    first, second = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert (network(first, second, "fixed").image - network(second, first, "fixed").image).abs().max() > 1e-2


def test_composite_is_the_target_where_the_mask_is_closed() -> None:
    network = _network()
    target = torch.randn(1, 3, 32, 32)
    output = network(torch.randn(1, 3, 32, 32), target, "fixed")
    mask = torch.full_like(output.mask, -200.0)
    mask[..., :16] = 200.0
    result = output._replace(mask=mask).composite(target)
    assert torch.equal(result[..., 16:], target[..., 16:])
    assert torch.allclose(result[..., :16], output.image[..., :16], atol=1e-6)
    assert torch.equal(output._replace(mask=None).composite(target), output.image)


def test_bf16_autocast_stays_close() -> None:
    network = _network()
    source, target = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        exact = network(source, target, "fixed").image
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(source, target, "fixed").image
    assert rough.dtype == torch.float32
    assert (exact - rough).abs().mean() < 0.05 * exact.std()


def test_learns_to_copy_the_target() -> None:
    torch.manual_seed(0)
    network = StyleSwap(TINY).train()
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    low = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4) * 2 - 1, size=(32, 32), mode="bilinear")
    losses = []
    for _ in range(40):
        loss = (network(low, low).image - low).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_nano_is_small() -> None:
    with torch.device("meta"):
        network = StyleSwap(PRESETS["nano"])
    # the pack holds it in fp16 beside the face nets, 25 MB in all
    assert 6e6 < parameter_count(network) < 9e6
    assert PRESETS["nano"].feature_names == ("feature_8", "feature_16", "feature_32", "feature_64")


@pytest.mark.parametrize("name", list(PRESETS))
def test_configs_survive_json(name: str) -> None:
    config = PRESETS[name]
    assert StyleSwapConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="styles"):
        StyleSwapConfig(encoder=EncoderConfig(styles_per_level=(4, 4, 4)))
    with pytest.raises(InputError, match="no encoder feature at \\[128\\]"):
        dataclasses.replace(
            PRESETS["paper"], decoder=dataclasses.replace(PRESETS["paper"].decoder, shortcuts=(16, 128))
        )


def test_discriminator_of_the_paper() -> None:
    with torch.device("meta"):
        discriminator = Discriminator(DISCRIMINATOR_PRESETS["paper"])
    # specification A5: 3 scales, 8.3 M
    assert parameter_count(discriminator) == pytest.approx(8.3e6, abs=2e4)
    tiny = Discriminator(DISCRIMINATOR_PRESETS["tiny"])
    fine, coarse = tiny(torch.randn(2, 3, 32, 32))
    assert fine.shape[:2] == coarse.shape[:2] == (2, 1) and fine.shape[-1] > coarse.shape[-1]


def test_discriminator_has_no_norm_in_its_first_and_last_layer() -> None:
    layers = [type(module).__name__ for module in Discriminator(DISCRIMINATOR_PRESETS["paper"]).scales[0].layers]
    assert layers == ["Conv2d", "LeakyReLU"] + ["Conv2d", "InstanceNorm2d", "LeakyReLU"] * 3 + ["Conv2d"]
