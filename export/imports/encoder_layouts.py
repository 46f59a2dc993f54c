"""pSp's encoder and the IR-SE-50 that it starts from, into the swap's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from export.imports.layout import Layout, Row
from facesdk.errors import InputError
from train.models.style_swap import StyleSwap

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Names below "encoder." on both sides, {k} the unit's number. Source: eladrich/pixel2style2pixel
# models/encoders/psp_encoders.py and helpers.py (bottleneck_IR_SE), after which ours are named.
STEM = ("input_layer.0.weight", *(f"input_layer.1.{n}" for n in NORM), "input_layer.2.weight")
UNIT = (
    *(f"body.{{k}}.res_layer.0.{n}" for n in NORM),
    "body.{k}.res_layer.1.weight",
    "body.{k}.res_layer.2.weight",
    "body.{k}.res_layer.3.weight",
    *(f"body.{{k}}.res_layer.4.{n}" for n in NORM),
    "body.{k}.res_layer.5.fc1.weight",
    "body.{k}.res_layer.5.fc2.weight",
)
# Of the units that change the number of channels.
WIDENING = ("body.{k}.shortcut_layer.0.weight", *(f"body.{{k}}.shortcut_layer.1.{n}" for n in NORM))
PYRAMID = ("latlayer1.weight", "latlayer1.bias", "latlayer2.weight", "latlayer2.bias")
# {k} the style's number, {c} the convolution's in nn.Sequential, between activations.
HEAD_CONV = ("styles.{k}.convs.{c}.weight", "styles.{k}.convs.{c}.bias")
HEAD_LINEAR = ("styles.{k}.linear.weight", "styles.{k}.linear.bias")


def ir_se_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of an IR-SE-50: stem and units, without the embedding's layer."""
    encoder = _encoder(network)
    found = [*STEM]
    for k in range(len(encoder.body)):
        found += [name.format(k=k) for name in UNIT]
        if f"body.{k}.shortcut_layer.0.weight" in dict(encoder.named_parameters()):
            found += [name.format(k=k) for name in WIDENING]
    return [Row(name, f"encoder.{name}") for name in found]


def psp_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of pSp's encoder. Its heads read 3 + 4 + 11 styles from the three levels, the paper preset's 6 + 6 + 6:
    a style's head is taken over where both read the same level, which its number of convolutions says."""
    encoder = _encoder(network)
    found = [*PYRAMID]
    for k, head in enumerate(encoder.styles):
        ours = len([m for m in head.convs if isinstance(m, nn.Conv2d)])
        theirs = sum(f"styles.{k}.convs.{2 * c}.weight" in tensors for c in range(2 * ours))
        if theirs == ours:
            found += [name.format(k=k, c=2 * c) for c in range(ours) for name in HEAD_CONV]
            found += [name.format(k=k) for name in HEAD_LINEAR]
    return ir_se_rows(network, tensors, settings) + [Row(name, f"encoder.{name}") for name in found]


def _encoder(network: nn.Module) -> Any:
    if not isinstance(network, StyleSwap):
        raise InputError(f"An IR-SE-50 goes into a StyleSwap, got a {type(network).__name__}.")
    config = network.config.encoder
    wrong = [
        f"{k}={getattr(config, k)}"
        for k, v in {
            "stem_stride": 1,
            "norm": "batch",
            "activation": "prelu",
            "heads": "separate",
            "head_size": 0,
        }.items()
        if getattr(config, k) != v
    ]
    if wrong:
        raise InputError(
            f"The preset's encoder is no IR-SE-50: {', '.join(wrong)}.",
            "Import into the preset paper (--preset paper).",
        )
    return network.encoder


PSP = Layout(
    name="pSp encoder",
    net="style_swap",
    signature=("input_layer.0.weight", "body.0.res_layer.5.fc1.weight", "latlayer1.weight", "styles.0.linear.weight"),
    rows=psp_rows,
    left={"styles.*": "its head reads another level of the pyramid than ours of the same style"},
    whole="*",
    roots=("state_dict.encoder.", "encoder.", "state_dict.", ""),
    differences=(
        "pSp's heads give offsets in the style space of StyleGAN2, whose decoder this network does not have: they are "
        "a start for training, not yet an encoder for the decoder here.",
    ),
)
IR_SE_50 = Layout(
    name="IR-SE-50",
    net="style_swap",
    signature=("input_layer.0.weight", "body.0.res_layer.5.fc1.weight", "output_layer.3.weight"),
    rows=ir_se_rows,
    left={"output_layer.*": "the embedding's layer; the encoder keeps maps, not an embedding"},
    whole="*",
    roots=("", "state_dict."),
)
