"""The perceptual loss: gradient, zero, scale; VGG's layers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from facesdk.errors import InputError
from train.losses.perceptual import PerceptualLoss, StageFeatures
from train.models.faces import parser, recogniser
from train.models.vgg import TAPS, imagenet_scale, vgg19_layers
from train.recipes.feature_nets import parser_features, recogniser_features, vgg19_features


def _features(kind: str) -> StageFeatures:
    torch.manual_seed(0)
    if kind == "parser":
        return parser_features(parser.Parser(parser.PRESETS["tiny"]))
    return recogniser_features(recogniser.Recogniser(recogniser.PRESETS["tiny"]))


@pytest.mark.parametrize("kind", ["parser", "recogniser"])
@pytest.mark.parametrize(("distance", "unit"), [("l1", False), ("l2", True)])
def test_gradient_reaches_the_picture_and_descends(kind: str, distance: str, unit: bool) -> None:
    features = _features(kind)
    loss = PerceptualLoss(features, (1.0,) * len(features.stages), distance, unit)  # type: ignore[arg-type]
    torch.manual_seed(1)
    picture = (0.5 * torch.randn(2, 3, 64, 64)).requires_grad_()
    target = 0.5 * torch.randn(2, 3, 64, 64)
    before = loss(picture, target)
    before.backward()
    assert picture.grad.abs().mean() > 0 and picture.grad.isfinite().all()
    # Nearly every pixel of the middle is looked at, not one corner.
    assert (picture.grad[..., 20:44, 20:44].abs().sum(1) > 0).float().mean() > 0.9
    step = 0.05 * picture.grad / picture.grad.abs().max()
    assert loss((picture - step).detach(), target) < before
    assert loss(target, target).item() == 0
    assert not any(p.requires_grad or p.grad is not None for p in features.parameters())


def test_features_stay_as_they_are() -> None:
    features = _features("parser")
    before = {name: value.clone() for name, value in features.state_dict().items()}
    features.train()
    first, again = features(torch.ones(2, 3, 64, 64)), features(torch.ones(2, 3, 64, 64))
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert all(torch.equal(before[name], value) for name, value in features.state_dict().items())


def test_parser_features_are_its_own_levels() -> None:
    net = parser.Parser(parser.PRESETS["tiny"])
    features = parser_features(net)
    picture = torch.randn(1, 3, 64, 64)
    assert [tuple(m.shape[1:]) for m in features(picture)] == [(8, 32, 32), (8, 16, 16), (8, 8, 8), (16, 4, 4)]
    # A picture of twice the size is averaged down to the parser's.
    large = picture.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(features(large)[0], features(picture)[0], atol=1e-5, rtol=1e-4)


def test_recogniser_features_end_where_its_embedding_begins() -> None:
    net = recogniser.Recogniser(recogniser.PRESETS["tiny"]).eval()
    features = recogniser_features(net)
    crop = torch.randn(2, 3, 112, 112)
    features.prepare = None
    last = features(crop)[-1]
    body = net.body
    embedding = body.features(body.fc(torch.flatten(body.reduce(body.bn2(last)).contiguous(), 1)))  # type: ignore
    torch.testing.assert_close(embedding, net(crop))


def test_the_judge_is_no_loss() -> None:
    with pytest.raises(InputError, match="recogniser's run"):
        recogniser_features(recogniser.Recogniser(recogniser.PRESETS["judge"]))


def test_unit_distance_ignores_scale_and_is_the_chord() -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [x[:, :2]]

    a, b = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    a[:, 0], b[:, 1] = 5.0, 0.2
    loss = PerceptualLoss(Fixed(), (1.0,), "l2", unit=True)
    assert loss(a, b).item() == pytest.approx(2.0, rel=1e-3)
    assert loss(a, 3 * a).item() == pytest.approx(0.0, abs=1e-6)
    assert PerceptualLoss(Fixed(), (0.5,), "l1")(a, b).item() == pytest.approx(0.5 * (5.0 + 0.2) / 2)
    with pytest.raises(InputError, match="1 feature maps, 2 weights"):
        PerceptualLoss(Fixed(), (1.0, 1.0))(a, b)


def test_vgg_layers_have_torchvisions_shapes(tmp_path: Path) -> None:
    layers = vgg19_layers()
    shapes = {name: tuple(value.shape) for name, value in layers.state_dict().items()}
    # torchvision: features.0, .2 | .5, .7 | .10 .. .16 | .19, .21, .23
    convolutions = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256, 19: 512, 21: 512, 23: 512}
    assert {int(name.split(".")[0]): shape[0] for name, shape in shapes.items()} == convolutions
    assert all(isinstance(layers[tap], nn.ReLU) for tap in TAPS) and len(layers) == TAPS[-1] + 1
    path = tmp_path / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in layers.state_dict().items()}, path)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    maps = vgg19_features(path)(picture)
    x = imagenet_scale(picture)
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in TAPS:
            torch.testing.assert_close(maps[TAPS.index(index)], x)
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


def test_vgg_weights_that_are_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        vgg19_features(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.pth")
    for name in ("text.pth", "part.pth"):
        with pytest.raises(InputError, match="not torchvision's weights"):
            vgg19_features(tmp_path / name)


def test_imagenet_scale() -> None:
    mean_picture = 2 * torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) - 1
    torch.testing.assert_close(imagenet_scale(mean_picture), torch.zeros(1, 3, 1, 1), atol=1e-6, rtol=0)
    white = imagenet_scale(torch.ones(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(white, torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
