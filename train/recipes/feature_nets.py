"""Feature networks of the perceptual loss: the project's parser and recogniser from their run folders, or VGG-19."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facesdk.errors import InputError
from train.checkpoint import load_model
from train.losses.perceptual import PerceptualLoss, StageFeatures
from train.models.faces.iresnet import IResNet
from train.models.faces.parser import Parser
from train.models.faces.recogniser import Recogniser
from train.models.vgg import TAPS, imagenet_scale, vgg19_layers
from train.recipes.net_crops import arcface_crop

CROP_SIZE = 128


def _shrunk(picture: Tensor, size: int) -> Tensor:
    """Canon crops at `size`, averaged down, so that nothing folds over."""
    factor, rest = divmod(picture.shape[-1], size)
    if rest:
        return F.interpolate(picture, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return F.avg_pool2d(picture, factor) if factor > 1 else picture


def parser_features(net: Parser) -> StageFeatures:
    """Maps of a parser's four levels, at 1/2, 1/4, 1/8 and 1/16 of its crop.

    Args:
        net: takes "canon" crops, as the generator makes them.
    """
    size = net.config.image_size
    return StageFeatures([net.stem, net.down1, net.down2, net.down3], lambda picture: _shrunk(picture, size))


def recogniser_features(net: Recogniser) -> StageFeatures:
    """Maps of a recogniser's stem and stages; it is shown its own crop, sampled out of the generator's.

    Args:
        net: takes "arcface" crops.

    Raises:
        InputError: the network is the judge, which scores results and so is in no loss.
    """
    body, size = net.body, net.config.image_size
    if not isinstance(body, IResNet):
        raise InputError(
            f"perceptual loss: the recogniser has a body {net.config.body!r}, expected 'iresnet'.",
            "Give the recogniser's run, not the judge's.",
        )
    stem = nn.Sequential(body.conv1, body.bn1, body.prelu)
    stages = [getattr(body, f"layer{index}") for index in range(1, body.stages + 1)]
    return StageFeatures([stem, *stages], lambda picture: arcface_crop(_shrunk(picture, CROP_SIZE), size))


def vgg19_features(weights: Path) -> StageFeatures:
    """Maps of VGG-19 at relu1_2, relu2_2, relu3_3 and relu4_3.

    Args:
        weights: torchvision's state dict of `vgg19` (vgg19-dcbb9e9d.pth); torchvision itself is not needed.

    Raises:
        InputError: no such file, or not those weights.
    """
    if not weights.is_file():
        raise InputError(
            f"{weights}: no such file; expected torchvision's weights of vgg19 (vgg19-dcbb9e9d.pth).",
            "Use --parser and --recogniser where there are none.",
        )
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        layers = vgg19_layers()
        layers.load_state_dict({name: state[f"features.{name}"] for name in layers.state_dict()})
    except Exception as error:  # whatever a file that is something else makes torch raise
        raise InputError(f"{weights}: not torchvision's weights of vgg19: {error}.") from error
    return StageFeatures(
        [layers[first:last] for first, last in zip((0, *(t + 1 for t in TAPS)), (t + 1 for t in TAPS))],
        imagenet_scale,
    )


def load_features(
    parser: Path | None = None, recogniser: Path | None = None, vgg: Path | None = None
) -> dict[str, PerceptualLoss]:
    """The perceptual losses of whatever networks there are.

    Args:
        parser: run folder.
        recogniser: run folder.
        vgg: weights file.

    Returns:
        By the network's name.

    Raises:
        InputError: a folder or file that holds something else.
    """
    losses = {}
    if parser is not None:
        net, _ = load_model(parser)
        if not isinstance(net, Parser):
            raise InputError(f"{parser}: a run of a parser was expected, this is a {type(net).__name__}.")
        losses["parser"] = PerceptualLoss(parser_features(net), (0.25,) * 4, "l2", unit=True)
    if recogniser is not None:
        net, _ = load_model(recogniser)
        if not isinstance(net, Recogniser):
            raise InputError(f"{recogniser}: a run of a recogniser was expected, this is a {type(net).__name__}.")
        stages = len(net.config.depths) + 1
        losses["recogniser"] = PerceptualLoss(recogniser_features(net), (1 / stages,) * stages, "l2", unit=True)
    if vgg is not None:
        losses["vgg"] = PerceptualLoss(vgg19_features(vgg), (1.0,) * len(TAPS), "l1")
    for loss in losses.values():
        loss.features.to(memory_format=torch.channels_last)
    return losses
