"""ArcFace's IResNet (arcface_torch, backbone.pth) into the recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from export.imports.layout import Layout, Row
from facesdk.errors import InputError
from train.models.faces import Recogniser, RecogniserConfig

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Names in the file, and below "body." in ours. Source: deepinsight/insightface
# recognition/arcface_torch/backbones/iresnet.py, after which ours are named.
STEM = ("conv1.weight", *(f"bn1.{n}" for n in NORM), "prelu.weight")
UNIT = (
    *(f"layer{{s}}.{{k}}.bn1.{n}" for n in NORM),
    "layer{s}.{k}.conv1.weight",
    *(f"layer{{s}}.{{k}}.bn2.{n}" for n in NORM),
    "layer{s}.{k}.prelu.weight",
    "layer{s}.{k}.conv2.weight",
    *(f"layer{{s}}.{{k}}.bn3.{n}" for n in NORM),
)
# Of each stage's first unit.
FIRST_UNIT = ("layer{s}.0.downsample.0.weight", *(f"layer{{s}}.0.downsample.1.{n}" for n in NORM))
HEAD = (*(f"bn2.{n}" for n in NORM), "fc.weight", "fc.bias", *(f"features.{n}" for n in NORM))


def iresnet_depths(config: RecogniserConfig, tensors: Mapping[str, Tensor]) -> RecogniserConfig:
    """The preset with the file's own number of units per stage: r18, r34, r50, r100 differ in nothing else."""
    if config.body != "iresnet" or config.head_channels or config.stem_stride != 1:
        raise InputError(
            "The preset's recogniser is no IResNet of arcface_torch.", "Import into the preset paper (--preset paper)."
        )
    depths = []
    for stage in range(1, len(config.depths) + 1):
        depth = 0
        while f"layer{stage}.{depth}.conv1.weight" in tensors:
            depth += 1
        depths.append(depth)
    return replace(config, depths=tuple(depths))


def iresnet_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of an IResNet."""
    if not isinstance(network, Recogniser):
        raise InputError(f"An IResNet goes into a Recogniser, got a {type(network).__name__}.")
    found = [*STEM]
    for stage, depth in enumerate(network.config.depths, start=1):
        found += [name.format(s=stage) for name in FIRST_UNIT]
        found += [name.format(s=stage, k=k) for k in range(depth) for name in UNIT]
    return [Row(name, f"body.{name}") for name in (*found, *HEAD)]


IRESNET = Layout(
    name="arcface_torch IResNet",
    net="recogniser",
    signature=("conv1.weight", "layer1.0.bn1.weight", "layer1.0.prelu.weight", "fc.weight", "features.running_mean"),
    rows=iresnet_rows,
    whole="*",
    roots=("", "state_dict.", "state_dict_backbone."),
    adapt=iresnet_depths,
)
