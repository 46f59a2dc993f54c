"""python -m export unpack: a network of a pack into a run folder, for a training that goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from torch import nn

from export.generator_runs import PRIOR_FILE
from export.unpacking.folded_norms import give_statistics
from export.unpacking.unpack import NETS, Unpacked, unpack
from facesdk.errors import InputError
from facesdk.pack import open_pack
from train.checkpoint import load_model, save_weights, write_json
from train.presets import load_recipe
from train.recipes.latents import weights_digest

SHARDS = 6  # enough people for means and variances


def unpack_net(
    pack: Annotated[str, typer.Argument(help="Pack: a name or a folder.")],
    net: Annotated[str, typer.Option(help=f"One of {', '.join(NETS)}.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Run folder to make.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of shards that the network would be trained on; velocity needs none.")
    ] = None,
    vae: Annotated[Path | None, typer.Option(help="For velocity: run folder of its VAE, out of the same pack.")] = None,
    batches: Annotated[int, typer.Option(min=1, help="Of training data, to measure statistics on.")] = 24,
    seed: Annotated[int, typer.Option(help="Of what is drawn of the data.")] = 0,
) -> None:
    """Unpack a network into a run folder, which train --start and export take."""
    if out.exists():
        raise InputError(f"{out} exists already. Not written.", "Name another folder for -o.")
    opened = open_pack(pack)
    note = f"Unpacked from {opened.name} {opened.manifest.version}: its weights as they were rounded there."
    coder = _digest_of_its_vae(vae, note) if net == "velocity" else None
    found = unpack(opened, net)
    if found.passing:
        if data is None:
            raise InputError(f"{net} has statistics to measure.", "Name pictures that it would be trained on: --data")
        give_statistics(found.passing, _runs(found, data, batches, seed))
    record = _record(found, note)
    if coder is not None:
        record["data"] = {**record.get("data", {}), "vae": coder}
    save_weights(out, found.network.state_dict(), record)
    if net == "vae" and (prior := opened.manifest.families["latent_flow"].extra.get("attribute_prior")):
        write_json(out / PRIOR_FILE, prior)
    Console().print(
        f"{out}: {net} of {opened.name} {opened.manifest.version}, step {found.record['step']}; "
        f"{len(found.passing)} normalisations measured anew.",
        soft_wrap=True,
        markup=False,
    )


def _runs(found: Unpacked, data: Path, batches: int, seed: int) -> Iterator[Callable[[], Any]]:
    """The network on batches of its own training."""
    recipe = load_recipe(found.record["net"], found.record["preset"].split("_")[0], [data], limit=SHARDS)
    network: nn.Module = found.network
    if found.record["net"] == "style_swap":
        network = found.network.encoder  # type: ignore[assignment]
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        batch = recipe.batch(rng, 0.5)
        pictures = batch["image"] if "image" in batch else batch["target"]
        yield lambda pictures=pictures: _run(network, pictures)  # type: ignore[misc]


@torch.no_grad()
def _run(network: nn.Module, pictures: torch.Tensor) -> None:
    network(pictures)


def _digest_of_its_vae(vae: Path | None, note: str) -> str:
    """A flow names the VAE whose latents it learned by a digest of its weights, and unpacked ones have another."""
    if vae is None:
        raise InputError("a flow belongs to its VAE.", "Unpack the VAE first, and name its run folder with --vae.")
    _, record = load_model(vae)
    if record["net"] != "vae" or record.get("notes", [None])[-1] != note:
        raise InputError(f"{vae} is no VAE out of the same pack.", "Unpack that one: --net vae")
    return weights_digest(vae)


def _record(found: Unpacked, note: str) -> dict[str, Any]:
    """What a run folder says of itself; figures and curve were those of the pack's own run."""
    record = {key: value for key, value in found.record.items() if key not in ("curve", "metrics")}
    return {**record, "metrics": {}, "notes": [*record.get("notes", ()), note]}
