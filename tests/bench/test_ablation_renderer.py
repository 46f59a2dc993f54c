from __future__ import annotations

import numpy as np
import torch

from bench.ablation_renderer import RendererFirst
from bench.training import noise_arrays
from train.data.swap_data import SwapData
from train.models.style_swap import PRESETS
from train.recipes.style_swap import StyleSwapRecipe, SwapTraining


def test_the_decoder_gets_the_true_parameters_and_then_the_pictures() -> None:
    torch.manual_seed(0)
    arrays = noise_arrays(PRESETS["tiny"].image_size)
    recipe = StyleSwapRecipe("tiny", PRESETS["tiny"], arrays, arrays, {})
    assert isinstance(recipe.module, SwapTraining)
    training = RendererFirst(recipe.module, SwapData(arrays), 0.5)
    assert training.weights is recipe.module.weights and "map" not in training.state_dict()
    batch = recipe.batch(np.random.default_rng(0), 0.0)

    codes = training.given_codes(batch, 0.49)
    assert codes is not None and training.given_codes(batch, 0.5) is None
    # Of the parameters and nothing else: other pictures of the same people in the same settings have the same codes.
    again = training.given_codes({**batch, "source": batch["target"], "target": batch["source"]}, 0.0)
    assert torch.equal(codes, again)
    other = training.given_codes({**batch, "identity_vector": batch["identity_vector"].roll(1, 0)}, 0.0)
    assert not torch.allclose(codes, other)
    # And near what encoder and blending give of the fitted pictures, nearer than their mean.
    network = training.network.eval()
    raw = SwapData(arrays).batch(np.random.default_rng(0), 64, 0.0, config=None)
    pictures = recipe._tensors(raw)
    with torch.no_grad():
        blended = network(pictures["source"], pictures["target"], "fixed").codes
    true = training.true_codes(pictures["identity_vector"], pictures["attribute_vector"])
    assert (true - blended).square().mean() < 0.9 * (blended.mean(0) - blended).square().mean()

    network.train()
    decoded = [sum(training(batch, progress).losses.values()) for progress in (0.0, 0.9)]
    assert all(torch.isfinite(loss) for loss in decoded) and not torch.allclose(*decoded)
