"""Every recipe takes steps on a tiny made-up data set, and its losses react to what they are about."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facesdk.faces.align import TEMPLATES, crop_matrix, warp_crop
from facesdk.faces.landmarks import tight_matrix
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS
from train.loop import Trainer
from train.models.faces import detector, landmarks, parser, recogniser
from train.models.faces.landmarks import REFINE_SCALE
from train.models.style_swap import PRESETS
from train.recipes.detector import DetectorRecipe, decode, detector_recipe
from train.recipes.landmarks import LandmarksRecipe
from train.recipes.net_crops import arcface_crop, landmark_crop
from train.recipes.parser import ParserRecipe
from train.recipes.recogniser import RecogniserRecipe
from train.recipes.style_swap import StyleSwapRecipe


def _marks(rng: np.random.Generator, size: int) -> np.ndarray:
    """68 plausible points: the five of the template, the rest on an oval around them."""
    marks = np.empty((68, 2), np.float32)
    angle = np.linspace(0, np.pi, 17)
    marks[:17] = np.stack([0.5 - 0.32 * np.cos(angle), 0.45 + 0.4 * np.sin(angle)], 1)
    marks[17:] = rng.uniform(0.4, 0.6, (51, 2))
    five = TEMPLATES["canon"]
    marks[36:42], marks[42:48], marks[30], marks[48], marks[54] = five[0], five[1], five[2], five[3], five[4]
    return marks * size


def arrays(size: int, groups: int = 6, seed: int = 0) -> dict[str, Any]:
    """Groups of three people in noise pictures."""
    rng = np.random.default_rng(seed)
    count = groups * 3
    return {
        "rgb": rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8),
        "alpha": np.full((count, size, size), 255, np.uint8),
        "parts": rng.integers(0, 18, (count, size, size), dtype=np.uint8),
        "landmarks": np.stack([_marks(rng, size) for _ in range(count)]),
        "visible": np.ones((count, 68), bool),
        "identity": np.arange(count) % 9,
        "donor": np.repeat(np.arange(groups), 3),
        "group": np.repeat(np.arange(groups), 3),
        "pose": rng.normal(0, 10, (count, 3)).astype(np.float32),
        "identity_vector": rng.normal(size=(count, len(IDENTITY_FIELDS))).astype(np.float32),
        "attribute_vector": rng.normal(size=(count, len(ATTRIBUTE_FIELDS))).astype(np.float32),
    }


RECIPES = {
    "style_swap": (StyleSwapRecipe, PRESETS, 32),
    "detector": (DetectorRecipe, detector.PRESETS, 64),
    "landmarks": (LandmarksRecipe, landmarks.PRESETS, 64),
    "parser": (ParserRecipe, parser.PRESETS, 64),
    "recogniser": (RecogniserRecipe, recogniser.PRESETS, 64),
}


@pytest.mark.parametrize("net", RECIPES)
def test_takes_steps_and_leaves_a_run(net: str, tmp_path: Path) -> None:
    kind, presets, size = RECIPES[net]
    torch.manual_seed(0)
    pictures = [arrays(size)] if net == "landmarks" else arrays(size)  # landmarks: one set for each size of picture
    recipe = kind("tiny", presets["tiny"], pictures, arrays(size, seed=1), {})
    before = {k: v.clone() for k, v in recipe.network.state_dict().items()}
    figures = Trainer(recipe, tmp_path, seed=1).train()
    assert figures and (tmp_path / "model.safetensors").is_file()
    assert any(not torch.equal(before[k], v) for k, v in recipe.network.state_dict().items())
    assert all(torch.isfinite(v).all() for v in recipe.network.state_dict().values() if v.is_floating_point())


def test_arcface_crop_is_the_runtime_crop() -> None:
    y, x = np.mgrid[0:128, 0:128]
    picture = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    five = TEMPLATES["canon"] * 128
    expected = warp_crop(picture, crop_matrix(five, "arcface", 112), 112).astype(float)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    found = arcface_crop(tensor)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected)[8:-8, 8:-8].max() < 1.5


def test_landmark_crop_is_the_runtime_crop() -> None:
    y, x = np.mgrid[0:128, 0:128]
    picture = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    marks = np.random.default_rng(0).uniform((30, 45), (80, 110), (2, 68, 2)).astype(np.float32)
    expected = np.stack([warp_crop(picture, tight_matrix(some, 0.0, REFINE_SCALE, 64), 64) for some in marks])
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float().expand(2, -1, -1, -1)
    found = landmark_crop(tensor, torch.from_numpy(marks), 64).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected.astype(float)).max() < 1.5


def test_points_of_the_exact_swap_pull_the_result_to_them() -> None:
    from train.models.style_swap import CodeHeads, CodeHeadsConfig, StyleSwap
    from train.recipes.style_swap import SwapTraining
    from train.recipes.swap_settings import LOSSES

    torch.manual_seed(0)
    judge = landmarks.Landmarks(landmarks.PRESETS["tiny"])
    for layer in (judge.head.weight, judge.heat.weight):  # untrained, it says the same of all pictures
        torch.nn.init.normal_(layer, std=0.1)
    heads = CodeHeads(CodeHeadsConfig(8, 16, 3, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        training = SwapTraining(StyleSwap(PRESETS["tiny"]), LOSSES["tiny"], heads, None, judge, None)
    marks = torch.rand(3, 68, 2) * 16 + 8
    exact, result = torch.randn(2, 3, 3, 32, 32)
    result = torch.nn.functional.avg_pool2d(result, 5, 1, 2).requires_grad_()
    assert training._points_term(exact, exact, marks).item() < 2e-3
    loss = training._points_term(result, exact, marks)
    (slope,) = torch.autograd.grad(loss, result)
    step = result - 0.05 * loss * slope / slope.square().sum()
    assert training._points_term(step, exact, marks) < loss


def test_the_mask_learns_nothing_from_the_critic() -> None:
    data = arrays(32)
    recipe = StyleSwapRecipe("tiny", PRESETS["tiny"], data, data, {})
    out = recipe.module(recipe.batch(np.random.default_rng(0), 0.5), 0.5)
    last = recipe.network.decoder.to_rgb.weight
    slope, of_all = (
        torch.autograd.grad(loss, last, retain_graph=True)[0].abs().sum((1, 2, 3))
        for loss in (out.losses["adversarial"], sum(out.losses.values()))
    )
    assert len(slope) == 4 and slope[:3].min() > 0 and slope[3] == 0 < of_all[3]


def test_phase_encoder_freezes_the_decoder() -> None:
    from train.losses.curriculum import Curriculum
    from train.models.style_swap import CodeHeads, CodeHeadsConfig, StyleSwap
    from train.recipes.style_swap import SwapTraining
    from train.recipes.swap_settings import LOSSES, SwapLosses

    for phase, frozen, trained in (("encoder", "decoder", "encoder"), ("decoder", "encoder", "decoder")):
        network = StyleSwap(PRESETS["tiny"])
        heads = CodeHeads(CodeHeadsConfig(8, 16, 12, 5))
        SwapTraining(network, SwapLosses(LOSSES["tiny"].weights, Curriculum(), phase), heads, None, None, None)  # type: ignore[arg-type]
        assert not any(p.requires_grad for p in getattr(network, frozen).parameters())
        assert all(p.requires_grad for p in getattr(network, trained).parameters())


def test_one_pass_of_the_recogniser_gives_every_embedding() -> None:
    from train.models.style_swap import CodeHeads, CodeHeadsConfig, StyleSwap
    from train.recipes.style_swap import SwapTraining
    from train.recipes.swap_settings import LOSSES

    torch.manual_seed(0)
    network, judge = StyleSwap(PRESETS["tiny"]), recogniser.Recogniser(recogniser.PRESETS["tiny"])
    training = SwapTraining(network, LOSSES["tiny"], CodeHeads(CodeHeadsConfig(8, 16, 3, 3)), judge, None, None)
    pictures = {name: torch.randn(2, 3, 32, 32) for name in ("source", "exact", "target")}
    found = training._embeddings(pictures)
    assert list(found) == list(pictures) and training._embeddings({}) == {}
    for name, picture in pictures.items():
        assert not found[name].requires_grad
        torch.testing.assert_close(found[name], judge(arcface_crop(picture)), rtol=1e-3, atol=1e-3)


def test_swap_losses_fall_for_the_exact_answer() -> None:
    """With the network's picture replaced by the exact swap, the oracle terms are smaller than for the target."""
    from train.losses.oracle import changed_region, oracle_losses

    data = arrays(32)
    recipe = StyleSwapRecipe("tiny", PRESETS["tiny"], data, data, {})
    batch = recipe.batch(np.random.default_rng(0), 1.0)
    changed = changed_region(batch["exact"], batch["target"])
    right = oracle_losses(batch["exact"], None, (), batch["exact"], batch["target"], changed)["picture"]
    wrong = oracle_losses(batch["target"], None, (), batch["exact"], batch["target"], changed)["picture"]
    assert right.item() == 0 and wrong.item() > 0.1


def test_detector_decoding_places_a_known_cell() -> None:
    class Fixed(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            out = []
            for values in (1, 4, 10):
                for stride in (8, 16, 32):
                    out.append(torch.zeros(1, (64 // stride) ** 2 * 2, values))
            # stride 8: row 3, column 5, second anchor
            cell = (3 * 8 + 5) * 2 + 1
            out[0][0, cell] = 0.9
            out[3][0, cell] = torch.tensor([1.0, 2.0, 3.0, 1.5])
            out[6][0, cell] = torch.arange(10).float() / 10
            return tuple(out)

    ((boxes, scores, points),) = decode(Fixed(), np.zeros((1, 64, 64, 3), np.uint8))
    np.testing.assert_allclose(boxes, [[40 - 8, 24 - 16, 40 + 24, 24 + 12]])
    np.testing.assert_allclose(scores, [0.9], rtol=1e-6)
    np.testing.assert_allclose(points[0, 1], [40 + 0.2 * 8, 24 + 0.3 * 8], rtol=1e-5)


def test_detector_learns_before_photographs_and_counts_what_it_finds_in_them(tmp_path: Path) -> None:
    class Everywhere(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            cells = [(image.shape[-1] // stride) ** 2 * 2 for stride in (8, 16, 32)]
            out = [torch.zeros(len(image), count, values) for values in (1, 4, 10) for count in cells]
            out[2][:, :1], out[5][:, :1] = 0.9, 0.5
            return tuple(out)

    for split, count in (("train", 3), ("validation", 5)):
        np.savez(tmp_path / f"backdrops-{split}.npz", rgb=np.full((count, 160, 160, 3), (0, 250, 0), np.uint8))
    people = arrays(64) | {"alpha": np.zeros((18, 64, 64), np.uint8)}
    recipe = detector_recipe("tiny", detector.PRESETS["tiny"], lambda split, most: people, [tmp_path], None, {})
    assert recipe.data_options["photographs"] == [3, 5]
    assert recipe.evaluate(Everywhere())["false_per_photograph"] == 1.0
    pictures = [recipe.batch(np.random.default_rng(seed), 0.0)["image"] for seed in range(12)]
    green = (torch.cat(pictures) * torch.tensor([-1.0, 1.0, -1.0])[:, None, None]).median(-1).values.median(-1).values
    assert (green.amin(1) > 0.2).float().mean() > 0.2
    without = detector_recipe("tiny", detector.PRESETS["tiny"], lambda split, most: people, [], None, {})
    assert "false_per_photograph" not in without.evaluate(Everywhere())
