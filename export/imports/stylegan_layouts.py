"""StyleGAN1's synthesis out of the official pickle and the two common ports to torch, into the swap's decoder."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.imports import stylegan_names as names
from export.imports.layout import Layout, Row
from facesdk.errors import InputError
from train.models.style_swap import DecoderConfig, StyleSwap

# What the decoder must be for StyleGAN1's weights to mean in it what they mean there.
STYLEGAN_DECODER = {
    "blur": True, "late_upsample": False, "residual": False, "style_gain": 1.0, "mask_head": False,
}  # fmt: skip
# What the file's networks must have been built with. Source: G_synthesis' defaults, which FFHQ's training kept.
STYLEGAN_SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "num_channels": (3,), "use_styles": (True,), "const_input_layer": (True,), "use_noise": (True,),
    "nonlinearity": ("lrelu",), "use_wscale": (True,), "use_pixel_norm": (False,), "use_instance_norm": (True,),
    "blur_filter": ([1, 2, 1],), "fused_scale": ("auto", True, False),
}  # fmt: skip
# From this side on their upsampling and convolution are one; networks_stylegan.py, upscale2d_conv2d, "auto".
FUSED_FROM = 128
MEAN_STYLE_DRAWS = 10_000
MAPPING_RATE = 0.01
SLOPE = 0.2


def official_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of an official pickle."""
    for name, values in STYLEGAN_SETTINGS.items():
        if name in settings and settings[name] not in values:
            raise InputError(
                f"The file's network was built with {name}={reprlib.repr(settings[name])[:80]}, expected "
                f"{' or '.join(repr(v) for v in values)}.",
                "FFHQ's own, and what train.py of NVlabs/stylegan makes by default, have that.",
            )
    fused = settings.get("fused_scale", "auto")
    rows = _rows(network, names.OFFICIAL_FIRST, lambda _: names.OFFICIAL_BLOCK, names.OFFICIAL_LAST, fused)
    return [*rows, Row("dlatent_avg", "encoder.w_avg", "mean style")]


def lernapparat_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of lernapparat's port."""
    return _rows(network, names.LERNAPPARAT_FIRST, lambda _: names.LERNAPPARAT_BLOCK, names.LERNAPPARAT_LAST)


def rosinality_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of rosinality's port."""

    def block(index: int) -> tuple[Row, ...]:
        fused = f"generator.progression.{index}.conv1.0.weight" in tensors
        return names.ROSINALITY_BLOCK + (names.ROSINALITY_FUSED if fused else names.ROSINALITY_PLAIN)

    return _rows(network, names.ROSINALITY_FIRST, block, names.ROSINALITY_LAST)


def _rows(
    network: nn.Module,
    first: Sequence[Row],
    block: Callable[[int], Sequence[Row]],
    last: Sequence[Row],
    auto: bool | Literal["auto"] = "auto",
) -> list[Row]:
    if not isinstance(network, StyleSwap):
        raise InputError(f"StyleGAN1 goes into a StyleSwap, got a {type(network).__name__}.")
    decoder = network.config.decoder
    _check_decoder(decoder)
    rows = list(first)
    for i, resolution in list(enumerate(decoder.resolutions))[1:]:
        for row in block(i):
            theirs, ours = (t.format(i=i, r=resolution, n=2 * i, m=2 * i + 1) for t in (row.theirs, row.ours))
            fused = auto if row.fused == "auto" else row.fused
            fused = resolution >= FUSED_FROM if fused == "auto" else fused
            rows.append(replace(row, theirs=theirs, ours=ours, fused=fused))
    return rows + [replace(row, theirs=row.theirs.format(i=len(decoder.channels) - 1)) for row in last]


def _check_decoder(decoder: DecoderConfig) -> None:
    wrong = [f"{k}={getattr(decoder, k)}" for k, v in STYLEGAN_DECODER.items() if getattr(decoder, k) != v]
    if decoder.noise_up_to < decoder.resolutions[-1]:
        wrong.append(f"noise_up_to={decoder.noise_up_to}")
    if wrong:
        raise InputError(
            f"The preset's decoder is no StyleGAN1: {', '.join(wrong)}.",
            "Import into the preset paper (--preset paper).",
        )


def _mean_style(weight: str, bias: str, rate: float) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """The mean of styles that the file's mapping network draws; the ports do not keep the running one."""

    def mean(tensors: Mapping[str, Tensor]) -> Tensor:
        layers = [k for k in range(len(tensors)) if weight.format(k) in tensors and bias.format(k) in tensors]
        if not layers:
            raise InputError(f"The mapping network is missing: no {weight.format(0)} in the file.")
        width = tensors[weight.format(layers[0])].shape[-1]
        x = torch.randn(MEAN_STYLE_DRAWS, width, generator=torch.Generator().manual_seed(0))
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        for k in layers:
            matrix = tensors[weight.format(k)].float()
            x = F.linear(
                x, matrix * (names.CONV / math.sqrt(matrix.shape[-1]) * rate), tensors[bias.format(k)].float() * rate
            )
            x = F.leaky_relu(x, SLOPE)
        return x.mean(0)

    return mean


SHORTCUTS = (
    "The target's features enter through shortcuts, which StyleGAN1 does not have. They start at zero, and until they "
    "are trained the picture is StyleGAN1's."
)
EPSILON = "The port normalises with epsilon 1e-5, the decoder with StyleGAN1's 1e-8."
NO_NOISE = "The file keeps no noise pictures: ours are drawn from the seed."
OTHER_SIZES = "an earlier stage of growing ended there; the network's last size is what is used"
BLUR = "the blur's [1, 2, 1], which the decoder has built in"
COUNTER = "a counter of training"
MAPPING = "the swap gets its styles from pictures, not from noise"

OFFICIAL = Layout(
    name="StyleGAN1, official pickle",
    net="style_swap",
    signature=("synthesis/4x4/Const/const", "synthesis/4x4/Conv/weight", "synthesis/4x4/Const/StyleMod/weight"),
    rows=official_rows,
    left={"synthesis/ToRGB_lod*": OTHER_SIZES, "synthesis/lod": COUNTER, "lod": COUNTER, "mapping/*": MAPPING},
    whole="synthesis/*",
    differences=(SHORTCUTS,),
)
LERNAPPARAT = Layout(
    name="StyleGAN1, lernapparat's port",
    net="style_swap",
    signature=("g_synthesis.blocks.4x4.const", "g_synthesis.blocks.4x4.epi1.style_mod.lin.weight"),
    rows=lernapparat_rows,
    left={"g_synthesis.blocks.*.intermediate.kernel": BLUR, "g_mapping.*": MAPPING},
    whole="g_synthesis.*",
    roots=("", "state_dict."),
    mean_style=_mean_style("g_mapping.dense{}.weight", "g_mapping.dense{}.bias", MAPPING_RATE),
    mean_style_reads="g_mapping.dense*",
    differences=(
        SHORTCUTS,
        EPSILON,
        NO_NOISE,
    ),
)
ROSINALITY = Layout(
    name="StyleGAN1, rosinality's port",
    net="style_swap",
    signature=("generator.progression.0.conv1.input", "generator.progression.0.adain1.style.linear.weight_orig"),
    rows=rosinality_rows,
    left={
        "generator.progression.*.conv1.[12].weight": BLUR,
        "generator.progression.*.conv1.[12].weight_flip": BLUR,
        "generator.to_rgb.*": OTHER_SIZES,
        "style.*": MAPPING,
    },
    whole="generator.progression.*",
    # Its constant comes without a bias.
    zero=("decoder.blocks.0.layer0.bias",),
    roots=("g_running.", "", "generator."),
    mean_style=_mean_style("style.{}.linear.weight_orig", "style.{}.linear.bias", 1.0),
    mean_style_reads="style.*",
    differences=(
        SHORTCUTS,
        "The port adds an upsampling layer's bias before the blur, whose zeros outside weaken it along the border; "
        "ours is added after it, as in StyleGAN1. Pictures differ by that, most at the border.",
        EPSILON,
        NO_NOISE,
    ),
)
