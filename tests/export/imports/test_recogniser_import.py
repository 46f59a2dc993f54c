from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from export.imports.import_weights import import_weights
from export.origins import asked_origin
from facesdk.errors import InputError
from train.checkpoint import load_model
from train.models.faces.recogniser import PRESETS, RecogniserConfig

ORIGIN = asked_origin("glint", "insightface non-commercial research", "https://example.org/licence", "no")
WIDTHS = (8, 8, 12, 16)
SMALL = RecogniserConfig(embedding=16, image_size=32, depths=(3, 4, 14, 3), widths=WIDTHS, stem_width=8)


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(PRESETS, "small", SMALL)


def _norm(width: int) -> dict[str, Tensor]:
    return {"weight": torch.rand(width) + 0.5, "bias": torch.randn(width), "running_mean": torch.randn(width),
            "running_var": torch.rand(width) + 0.5, "num_batches_tracked": torch.tensor(9)}  # fmt: skip


def backbone(depths: tuple[int, ...]) -> dict[str, Tensor]:
    """A small backbone.pth as arcface_torch writes it."""
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}

    def add(at: str, tensors: dict[str, Tensor]) -> None:
        state.update({f"{at}.{name}": tensor for name, tensor in tensors.items()})

    add("conv1", {"weight": torch.randn(8, 3, 3, 3) * 0.3})
    add("bn1", _norm(8))
    add("prelu", {"weight": torch.rand(8)})
    below = 8
    for stage, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True), start=1):
        for k in range(depth):
            at = f"layer{stage}.{k}"
            add(f"{at}.bn1", _norm(below))
            add(f"{at}.conv1", {"weight": torch.randn(width, below, 3, 3) * 0.1})
            add(f"{at}.bn2", _norm(width))
            add(f"{at}.prelu", {"weight": torch.rand(width)})
            add(f"{at}.conv2", {"weight": torch.randn(width, width, 3, 3) * 0.1})
            add(f"{at}.bn3", _norm(width))
            if k == 0:
                add(f"{at}.downsample.0", {"weight": torch.randn(width, below, 1, 1) * 0.3})
                add(f"{at}.downsample.1", _norm(width))
            below = width
    add("bn2", _norm(16))
    add("fc", {"weight": torch.randn(16, 64) * 0.1, "bias": torch.randn(16)})
    add("features", _norm(16))
    return state


def embedding(state: dict[str, Tensor], depths: tuple[int, ...], x: Tensor) -> Tensor:
    """IResNet.forward of arcface_torch from the tensors alone, in float64."""
    v = {k: t.double() for k, t in state.items()}

    def norm(y: Tensor, at: str) -> Tensor:
        numbers = (v[f"{at}.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
        mean, var, weight, bias = (n.reshape(1, -1, *[1] * (y.dim() - 2)) for n in numbers)
        return (y - mean) / torch.sqrt(var + 1e-5) * weight + bias

    x = F.prelu(norm(F.conv2d(x.double(), v["conv1.weight"], padding=1), "bn1"), v["prelu.weight"])
    for stage, depth in enumerate(depths, start=1):
        for k in range(depth):
            at, stride = f"layer{stage}.{k}", 2 if k == 0 else 1
            y = norm(F.conv2d(norm(x, f"{at}.bn1"), v[f"{at}.conv1.weight"], padding=1), f"{at}.bn2")
            y = F.conv2d(F.prelu(y, v[f"{at}.prelu.weight"]), v[f"{at}.conv2.weight"], stride=stride, padding=1)
            if k == 0:
                x = norm(F.conv2d(x, v[f"{at}.downsample.0.weight"], stride=2), f"{at}.downsample.1")
            x = x + norm(y, f"{at}.bn3")
    return norm(F.linear(norm(x, "bn2").flatten(1), v["fc.weight"], v["fc.bias"]), "features")


@torch.no_grad()
@pytest.mark.parametrize("depths", [(3, 4, 14, 3), (2, 2, 2, 2)])
def test_the_embedding_is_that_of_an_independent_forward_pass(tmp_path: Path, depths: tuple[int, ...]) -> None:
    state = backbone(depths)
    torch.save(state, tmp_path / "backbone.pth")
    coverage = import_weights(tmp_path / "backbone.pth", tmp_path / "run", ORIGIN, "small")
    net, record = load_model(tmp_path / "run")
    assert net.config == replace(SMALL, depths=depths) and record["family"] == "faces"
    assert not coverage.left and not coverage.unfilled and not coverage.differences
    assert {p.theirs for p in coverage.placed} == set(state)
    crop = torch.randn(2, 3, 32, 32)
    expected = embedding(state, depths, crop)
    assert F.cosine_similarity(net(crop).double(), expected).min() > 1 - 1e-9
    torch.testing.assert_close(net(crop).double(), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_other_recognisers_are_refused(tmp_path: Path) -> None:
    state = backbone((1, 1, 1, 1))
    for wrong, match, preset in (
        (
            {k: v for k, v in state.items() if k != "layer3.0.bn3.running_var"},
            "lacks layer3.0.bn3.running_var",
            "small",
        ),
        ({**state, "fc.weight": torch.ones(16, 65)}, r"\(16, 65\), expected \(16, 64\)", "small"),
        ({**state, "layer1.2.conv1.weight": torch.ones(1)}, "layer1.2.conv1.weight has no place", "small"),
        (state, "no IResNet of arcface_torch", "nano"),
    ):
        torch.save(wrong, tmp_path / "backbone.pth")
        with pytest.raises(InputError, match=match):
            import_weights(tmp_path / "backbone.pth", tmp_path / "run", ORIGIN, preset)
        assert not (tmp_path / "run").exists()
