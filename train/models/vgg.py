"""VGG-19 up to its fourth level, for perceptual losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Convolutions of each level, as torchvision's `vgg19().features` numbers them; the fourth level ends at relu4_3 here.
LEVELS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512))
# torchvision's index of relu1_2, relu2_2, relu3_3, relu4_3.
TAPS = (3, 8, 15, 24)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def vgg19_layers() -> nn.Sequential:
    """Layers 0 to 24 of torchvision's `vgg19().features`, with its names, so that its weights fit.

    Source: Simonyan and Zisserman 2015, configuration E (arXiv:1409.1556).
    """
    layers: list[nn.Module] = []
    channels = 3
    for level in LEVELS:
        for width in level:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[: TAPS[-1] + 1])


def imagenet_scale(picture: Tensor) -> Tensor:
    """Pictures in [-1, 1] with ImageNet's mean and deviation."""
    mean, std = (torch.tensor(v, device=picture.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((picture.float() + 1) / 2 - mean) / std
