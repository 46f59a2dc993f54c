from __future__ import annotations

import torch

from export.imports.layouts import LAYOUTS
from train.models.faces import PRESETS, Recogniser
from train.models.style_swap import PRESETS as SWAP_PRESETS
from train.models.style_swap import StyleSwap

ROWS = {layout.name: layout for layout in LAYOUTS}


def test_the_tables_fill_the_paper_presets_networks() -> None:
    with torch.device("meta"):
        swap, recogniser = StyleSwap(SWAP_PRESETS["paper"]), Recogniser(PRESETS["recogniser"]["paper"])
    names = set(swap.state_dict())
    synthesis = {n for n in names if n.startswith("decoder.") and not n.startswith("decoder.shortcuts.")}
    noise = {n for n in synthesis if n.endswith(".noise")}
    kernels = {"synthesis/1024x1024/Conv0_up/weight": True, "synthesis/64x64/Conv0_up/weight": False}

    rows = ROWS["StyleGAN1, official pickle"].rows(swap, {}, {})
    assert {row.ours for row in rows} == synthesis | {"encoder.w_avg"} and len(noise) == 18
    assert {row.theirs: row.fused for row in rows if row.theirs in kernels} == kernels
    for name in ("lernapparat's port", "rosinality's port"):
        assert {row.ours for row in ROWS[f"StyleGAN1, {name}"].rows(swap, {}, {})} >= synthesis - noise - {
            "decoder.blocks.0.layer0.bias"
        }

    heads = {n for n in names if n.startswith("encoder.styles.")}
    body = {n for n in names if n.startswith(("encoder.input_layer.", "encoder.body."))}
    assert {row.ours for row in ROWS["IR-SE-50"].rows(swap, {}, {})} == body
    # pSp's 3 + 4 + 11 styles by their number of convolutions, on 6 + 6 + 6.
    one = torch.ones(1)
    psp = {f"styles.{k}.convs.{2 * c}.weight": one for k in range(18) for c in range(4 + (k > 2) + (k > 6))}
    placed = {row.ours for row in ROWS["pSp encoder"].rows(swap, psp, {})}
    assert {int(n.split(".")[2]) for n in placed & heads} == {0, 1, 2, 6, *range(12, 18)}
    assert placed - heads == {n for n in names if n.startswith("encoder.")} - heads - {"encoder.w_avg"}

    rows = ROWS["arcface_torch IResNet"].rows(recogniser, {}, {})
    assert {row.ours for row in rows} == set(recogniser.state_dict())
