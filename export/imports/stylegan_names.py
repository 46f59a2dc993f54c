"""The names of StyleGAN1's synthesis in the official pickle and in two ports to torch, as tables."""

from __future__ import annotations

import math

from export.imports.layout import Row

CONV = math.sqrt(2.0)
"""Gain of the convolutions."""
LINEAR = 1.0
"""Gain of the style layers and of the last 1x1 convolution; NVlabs/stylegan style_mod and torgb."""

# In every table {i} is the block, {r} its resolution, {n} and {m} the numbers of its two layers among all.
# Source: NVlabs/stylegan training/networks_stylegan.py, G_synthesis, whose variables the pickle keeps by name.
OFFICIAL_FIRST = (
    Row("synthesis/4x4/Const/const", "decoder.blocks.0.const"),
    Row("synthesis/4x4/Const/Noise/weight", "decoder.blocks.0.layer0.noise_weight"),
    Row("synthesis/4x4/Const/bias", "decoder.blocks.0.layer0.bias"),
    Row("synthesis/4x4/Const/StyleMod/weight", "decoder.blocks.0.layer0.style.weight", "IO", LINEAR),
    Row("synthesis/4x4/Const/StyleMod/bias", "decoder.blocks.0.layer0.style.bias"),
    Row("synthesis/noise0", "decoder.blocks.0.layer0.noise"),
    Row("synthesis/4x4/Conv/weight", "decoder.blocks.0.layer1.conv.weight", "HWIO", CONV),
    Row("synthesis/4x4/Conv/Noise/weight", "decoder.blocks.0.layer1.noise_weight"),
    Row("synthesis/4x4/Conv/bias", "decoder.blocks.0.layer1.bias"),
    Row("synthesis/4x4/Conv/StyleMod/weight", "decoder.blocks.0.layer1.style.weight", "IO", LINEAR),
    Row("synthesis/4x4/Conv/StyleMod/bias", "decoder.blocks.0.layer1.style.bias"),
    Row("synthesis/noise1", "decoder.blocks.0.layer1.noise"),
)
OFFICIAL_BLOCK = (
    Row("synthesis/{r}x{r}/Conv0_up/weight", "decoder.blocks.{i}.layer0.conv.weight", "HWIO", CONV, fused="auto"),
    Row("synthesis/{r}x{r}/Conv0_up/Noise/weight", "decoder.blocks.{i}.layer0.noise_weight"),
    Row("synthesis/{r}x{r}/Conv0_up/bias", "decoder.blocks.{i}.layer0.bias"),
    Row("synthesis/{r}x{r}/Conv0_up/StyleMod/weight", "decoder.blocks.{i}.layer0.style.weight", "IO", LINEAR),
    Row("synthesis/{r}x{r}/Conv0_up/StyleMod/bias", "decoder.blocks.{i}.layer0.style.bias"),
    Row("synthesis/noise{n}", "decoder.blocks.{i}.layer0.noise"),
    Row("synthesis/{r}x{r}/Conv1/weight", "decoder.blocks.{i}.layer1.conv.weight", "HWIO", CONV),
    Row("synthesis/{r}x{r}/Conv1/Noise/weight", "decoder.blocks.{i}.layer1.noise_weight"),
    Row("synthesis/{r}x{r}/Conv1/bias", "decoder.blocks.{i}.layer1.bias"),
    Row("synthesis/{r}x{r}/Conv1/StyleMod/weight", "decoder.blocks.{i}.layer1.style.weight", "IO", LINEAR),
    Row("synthesis/{r}x{r}/Conv1/StyleMod/bias", "decoder.blocks.{i}.layer1.style.bias"),
    Row("synthesis/noise{m}", "decoder.blocks.{i}.layer1.noise"),
)
OFFICIAL_LAST = (
    Row("synthesis/ToRGB_lod0/weight", "decoder.to_rgb.weight", "HWIO", LINEAR),
    Row("synthesis/ToRGB_lod0/bias", "decoder.to_rgb.bias"),
)
# Source: lernapparat/lernapparat models/style_gan.py, into which its notebook converts the official weights.
LERNAPPARAT_FIRST = (
    Row("g_synthesis.blocks.4x4.const", "decoder.blocks.0.const"),
    Row("g_synthesis.blocks.4x4.epi1.top_epi.noise.weight", "decoder.blocks.0.layer0.noise_weight"),
    Row("g_synthesis.blocks.4x4.bias", "decoder.blocks.0.layer0.bias"),
    Row("g_synthesis.blocks.4x4.epi1.style_mod.lin.weight", "decoder.blocks.0.layer0.style.weight", gain=LINEAR),
    Row("g_synthesis.blocks.4x4.epi1.style_mod.lin.bias", "decoder.blocks.0.layer0.style.bias"),
    Row("g_synthesis.blocks.4x4.conv.weight", "decoder.blocks.0.layer1.conv.weight", gain=CONV),
    Row("g_synthesis.blocks.4x4.epi2.top_epi.noise.weight", "decoder.blocks.0.layer1.noise_weight"),
    Row("g_synthesis.blocks.4x4.conv.bias", "decoder.blocks.0.layer1.bias"),
    Row("g_synthesis.blocks.4x4.epi2.style_mod.lin.weight", "decoder.blocks.0.layer1.style.weight", gain=LINEAR),
    Row("g_synthesis.blocks.4x4.epi2.style_mod.lin.bias", "decoder.blocks.0.layer1.style.bias"),
)
LERNAPPARAT_BLOCK = (
    Row("g_synthesis.blocks.{r}x{r}.conv0_up.weight", "decoder.blocks.{i}.layer0.conv.weight", gain=CONV, fused="auto"),
    Row("g_synthesis.blocks.{r}x{r}.epi1.top_epi.noise.weight", "decoder.blocks.{i}.layer0.noise_weight"),
    Row("g_synthesis.blocks.{r}x{r}.conv0_up.bias", "decoder.blocks.{i}.layer0.bias"),
    Row("g_synthesis.blocks.{r}x{r}.epi1.style_mod.lin.weight", "decoder.blocks.{i}.layer0.style.weight", gain=LINEAR),
    Row("g_synthesis.blocks.{r}x{r}.epi1.style_mod.lin.bias", "decoder.blocks.{i}.layer0.style.bias"),
    Row("g_synthesis.blocks.{r}x{r}.conv1.weight", "decoder.blocks.{i}.layer1.conv.weight", gain=CONV),
    Row("g_synthesis.blocks.{r}x{r}.epi2.top_epi.noise.weight", "decoder.blocks.{i}.layer1.noise_weight"),
    Row("g_synthesis.blocks.{r}x{r}.conv1.bias", "decoder.blocks.{i}.layer1.bias"),
    Row("g_synthesis.blocks.{r}x{r}.epi2.style_mod.lin.weight", "decoder.blocks.{i}.layer1.style.weight", gain=LINEAR),
    Row("g_synthesis.blocks.{r}x{r}.epi2.style_mod.lin.bias", "decoder.blocks.{i}.layer1.style.bias"),
)
LERNAPPARAT_LAST = (
    Row("g_synthesis.torgb.weight", "decoder.to_rgb.weight", gain=LINEAR),
    Row("g_synthesis.torgb.bias", "decoder.to_rgb.bias"),
)
# Source: rosinality/style-based-gan-pytorch model.py: EqualLR multiplies every weight with sqrt(2 / fan_in), that of
# noise and style layers too; FusedUpsample divides its kernel by 4.
ROSINALITY_FIRST = (
    Row("generator.progression.0.conv1.input", "decoder.blocks.0.const"),
    Row("generator.progression.0.noise1.weight_orig", "decoder.blocks.0.layer0.noise_weight", "1C11", CONV),
    Row("generator.progression.0.adain1.style.linear.weight_orig", "decoder.blocks.0.layer0.style.weight", gain=CONV),
    Row("generator.progression.0.adain1.style.linear.bias", "decoder.blocks.0.layer0.style.bias", "gamma+1"),
    Row("generator.progression.0.conv2.conv.weight_orig", "decoder.blocks.0.layer1.conv.weight", gain=CONV),
    Row("generator.progression.0.noise2.weight_orig", "decoder.blocks.0.layer1.noise_weight", "1C11", CONV),
    Row("generator.progression.0.conv2.conv.bias", "decoder.blocks.0.layer1.bias"),
    Row("generator.progression.0.adain2.style.linear.weight_orig", "decoder.blocks.0.layer1.style.weight", gain=CONV),
    Row("generator.progression.0.adain2.style.linear.bias", "decoder.blocks.0.layer1.style.bias", "gamma+1"),
)
ROSINALITY_BLOCK = (
    Row("generator.progression.{i}.noise1.weight_orig", "decoder.blocks.{i}.layer0.noise_weight", "1C11", CONV),
    Row(
        "generator.progression.{i}.adain1.style.linear.weight_orig", "decoder.blocks.{i}.layer0.style.weight", gain=CONV
    ),
    Row("generator.progression.{i}.adain1.style.linear.bias", "decoder.blocks.{i}.layer0.style.bias", "gamma+1"),
    Row("generator.progression.{i}.conv2.conv.weight_orig", "decoder.blocks.{i}.layer1.conv.weight", gain=CONV),
    Row("generator.progression.{i}.noise2.weight_orig", "decoder.blocks.{i}.layer1.noise_weight", "1C11", CONV),
    Row("generator.progression.{i}.conv2.conv.bias", "decoder.blocks.{i}.layer1.bias"),
    Row(
        "generator.progression.{i}.adain2.style.linear.weight_orig", "decoder.blocks.{i}.layer1.style.weight", gain=CONV
    ),
    Row("generator.progression.{i}.adain2.style.linear.bias", "decoder.blocks.{i}.layer1.style.bias", "gamma+1"),
)
# Their kernels to 128 px and above come in one of these two forms.
ROSINALITY_PLAIN = (
    Row(
        "generator.progression.{i}.conv1.1.conv.weight_orig",
        "decoder.blocks.{i}.layer0.conv.weight",
        gain=CONV,
        fused=False,
    ),
    Row("generator.progression.{i}.conv1.1.conv.bias", "decoder.blocks.{i}.layer0.bias"),
)
ROSINALITY_FUSED = (
    Row("generator.progression.{i}.conv1.0.weight", "decoder.blocks.{i}.layer0.conv.weight", "IOHW", CONV, 0.25, True),
    Row("generator.progression.{i}.conv1.0.bias", "decoder.blocks.{i}.layer0.bias"),
)
ROSINALITY_LAST = (
    Row("generator.to_rgb.{i}.conv.weight_orig", "decoder.to_rgb.weight", gain=CONV),
    Row("generator.to_rgb.{i}.conv.bias", "decoder.to_rgb.bias"),
)
