from __future__ import annotations

import pytest
import torch

from facesdk.errors import InputError
from train.models.style_swap import PRESETS, Decoder


@pytest.mark.parametrize(("size", "styles"), [(256, 14), (512, 16), (1024, 18)])
def test_a_smaller_result_takes_fewer_styles(size: int, styles: int) -> None:
    config = PRESETS["paper"].at_size(size)
    # pixel2style2pixel: 2 log2(size) - 2.
    assert config.output_size == size and config.encoder.styles == config.decoder.styles == styles
    assert config.encoder.styles_per_level[:2] == (6, 6) and config.image_size == 256
    assert config == PRESETS["paper" if size == 1024 else f"paper_{size}"]


def test_the_blocks_that_are_left_are_the_same_ones() -> None:
    tiny = PRESETS["tiny"]
    whole, half = Decoder(tiny), Decoder(tiny.at_size(16))
    kept = {name: value.shape for name, value in half.state_dict().items() if name.startswith("blocks.")}
    large = whole.state_dict()
    assert kept and all(large[name].shape == shape for name, shape in kept.items())
    image, _, _ = half(torch.zeros(1, 6, 16), [torch.zeros(1, 16, 8, 8), torch.zeros(1, 16, 16, 16)])
    assert image.shape == (1, 3, 16, 16)


def test_a_size_that_there_is_not_is_refused() -> None:
    for size, reason in ((300, "no output of 300 px"), (2048, "2048"), (64, "no style element is left")):
        with pytest.raises(InputError, match=reason):
            PRESETS["paper"].at_size(size)
