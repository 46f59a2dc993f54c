"""A family by its name, for engines and budgets: trained, or with weights as before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from export.families.faces import faces_family
from export.families.family import Family
from export.families.latent_flow import draw_prior, latent_flow_family
from export.families.style_swap import style_swap_family
from export.families.untrained import NOTE, untrained_generator
from export.generator_runs import load_generator
from export.pictures import random_pictures
from export.run_record import check_preset, run_record
from facesdk.errors import InputError
from train.checkpoint import config_dict, load_model
from train.models.faces import PRESETS as FACES_PRESETS
from train.models.faces import Detector, Landmarks, Parser, Recogniser
from train.models.style_swap import PRESETS as SWAP_PRESETS
from train.models.style_swap import StyleSwap
from train.recipes.latents import cached_attributes

FAMILIES = ("style_swap", "faces", "latent_flow")
NETS: dict[str, type[nn.Module]] = {
    "detector": Detector,
    "landmarks": Landmarks,
    "recogniser": Recogniser,
    "parser": Parser,
}
# Networks without a preset of the name asked for: a swap at paper size still finds faces with these.
SMALLEST_USEFUL = "nano"
CALIBRATION_ROWS = 4
DETECTOR_SIDE = 128


def trained_family(name: str, weights: Path, preset: str) -> Family:
    """A family out of run folders.

    Args:
        name: in FAMILIES.
        weights: the run folder of style_swap; for faces and latent_flow the folder that holds one for each network
            ("detector", ...; "vae" and "flow").
        preset: that they were trained with.

    Raises:
        InputError: no such family or run, or another preset.
    """
    _check_name(name)
    if name == "latent_flow":
        vae = weights / "vae"
        prior = draw_prior(cached_attributes(vae, "train"))
        return latent_flow_family(*load_generator(vae, weights / "flow", vae, preset), prior)
    runs = {net: weights / net for net in NETS} if name == "faces" else {name: weights}
    nets, records = {}, {}
    for net, run in runs.items():
        if name == "faces" and not (run / "preset.json").is_file():
            continue
        nets[net], record = load_model(run)
        check_preset(run, record, preset)
        records[net] = run_record(run, record)
    if name == "faces":
        return faces_family(nets, records)
    net = nets[name]
    if not isinstance(net, StyleSwap):
        raise InputError(f"{weights} holds a {type(net).__name__}, expected a StyleSwap.")
    return style_swap_family(net, records[name])


def untrained_family(name: str, preset: str, seed: int = 0) -> Family:
    """A family with weights as they are before training: enough for the size, the plan and the time of its engines.

    Args:
        name: in FAMILIES.
        preset: of every network; of the faces, those that do not have it take SMALLEST_USEFUL.
        seed: of the weights.

    Raises:
        InputError: no such family or preset.
    """
    _check_name(name)
    if name == "latent_flow":
        return latent_flow_family(*untrained_generator(preset, seed))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        if name == "style_swap":
            if preset not in SWAP_PRESETS:
                raise InputError(f"style_swap has no preset {preset!r}.", f"Use one of {', '.join(SWAP_PRESETS)}.")
            swap = StyleSwap(SWAP_PRESETS[preset])
            pass_signals(swap, swap.config.image_size, swap.encoder, seed)
            return style_swap_family(swap, _record(name, swap.config, preset, seed))
        if not any(preset in table for table in FACES_PRESETS.values()):
            known = sorted({key for table in FACES_PRESETS.values() for key in table})
            raise InputError(f"No network of faces has a preset {preset!r}.", f"Use one of {', '.join(known)}.")
        nets: dict[str, nn.Module] = {}
        records = {}
        for net, kind in NETS.items():
            taken = preset if preset in FACES_PRESETS[net] else SMALLEST_USEFUL
            config = FACES_PRESETS[net][taken]
            nets[net] = kind(config)
            pass_signals(nets[net], getattr(config, "image_size", DETECTOR_SIDE), nets[net], seed)
            records[net] = _record(net, config, taken, seed)
    return faces_family(nets, records)


def sized_preset(preset: str, size: int) -> str:
    """The preset of style_swap whose result has this side: the one named, or its variant of that size.

    Raises:
        InputError: there is none.
    """
    for name in (f"{preset}_{size}", preset):
        if name in SWAP_PRESETS and SWAP_PRESETS[name].output_size == size:
            return name
    raise InputError(f"style_swap has no preset {preset!r} of {size} px.", f"Presets: {', '.join(SWAP_PRESETS)}.")


def pass_signals(net: nn.Module, side: int, reader: nn.Module, seed: int) -> None:
    """Makes an untrained network's numbers like those of a trained one, in place, and puts it into eval mode.

    Before training a deep residual network reaches 1e25, which no float16 holds, since its batch statistics are those
    of nothing; and a plane without noise is constant, so that normalising it shows nothing but rounding. So the
    statistics are taken over random pictures, and what starts at zero or one there starts at random.

    Args:
        net: changed.
        side: of the pictures that `reader` takes.
        reader: the network or a part of it that takes pictures.
        seed: of the pictures.
    """
    for name, weight in net.named_parameters():
        if name.rpartition(".")[2] in ("noise_weight", "const"):
            nn.init.normal_(weight, std=1.0 if name.endswith("const") else 0.1)
        elif weight.ndim >= 2 and not weight.any():
            # Any two zeros agree: blending and shortcuts would show nothing.
            nn.init.xavier_uniform_(weight)
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    net.eval()
    for layer in norms:
        # Only these: dropout and losses of the training mode stay off.
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None
    if norms:
        pictures = random_pictures(np.random.default_rng(seed), CALIBRATION_ROWS, (side, side))
        reader(torch.from_numpy(pictures))
    net.eval()


def _record(net: str, config: Any, preset: str, seed: int) -> dict[str, Any]:
    return {"net": net, "config": config_dict(config), "preset": preset, "step": 0, "seed": seed, "notes": [NOTE]}


def _check_name(name: str) -> None:
    if name not in FAMILIES:
        raise InputError(f"{name!r} is neither a pack's folder nor a family.", f"Use one of {', '.join(FAMILIES)}.")
