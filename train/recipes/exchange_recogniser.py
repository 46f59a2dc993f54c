"""Lets a flow that learned one recogniser's identities take another's: a linear map, in closed form, folded into it.

    python -m train.recipes.exchange_recogniser FLOW --old RUN --new RUN --data DIR [--data DIR] -o OUT

The velocity net reads an identity through one linear layer W; where old = M new, W M reads the new one. So a recogniser
can go on learning without a flow being trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.checkpoint import load_model, save_weights
from train.data.face_world.shards import has_shards, load_shards
from train.data.face_world.types import Split
from train.models.faces.recogniser import Recogniser
from train.models.latent_flow.velocity import VelocityNet
from train.recipes.recogniser import embed

F32 = NDArray[np.float32]
FIELDS = ("rgb", "landmarks")


def unit_rows(embeddings: F32) -> F32:
    """(N, E) at length one."""
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), np.float32)


def fit_map(new: F32, old: F32, ridge: float = 1e-3) -> F32:
    """The (E, E) matrix M with old = M new for rows of unit length, by ridge regression.

    Args:
        new: (N, E) unit rows.
        old: (N, E) unit rows of the same crops.
        ridge: share of the mean variance of a direction that is added to all.
    """
    new64, old64 = new.astype(np.float64), old.astype(np.float64)
    gram = new64.T @ new64
    penalty = ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram + penalty, new64.T @ old64).T, np.float32)


def likeness(mapped: F32, old: F32) -> float:
    """Mean cosine of rows."""
    return float((unit_rows(mapped) * unit_rows(old)).sum(1).mean())


@torch.no_grad()
def with_identities_through(network: VelocityNet, matrix: F32) -> VelocityNet:
    """Changes a velocity net so that it takes identities e where it took M e."""
    network.identity.weight.copy_(network.identity.weight @ torch.from_numpy(matrix))
    return network


@torch.no_grad()
def _pairs(new: Recogniser, old: Recogniser, folders: Sequence[Path], split: Split, limit: int) -> tuple[F32, F32]:
    there = [folder for folder in folders if has_shards(folder, "swap", split)]
    seen: list[dict[str, Any]] = [load_shards(folder, "swap", split, FIELDS, limit) for folder in there or folders]
    found = [[unit_rows(embed(net, arrays, None, net.config.image_size)) for arrays in seen] for net in (new, old)]
    return np.concatenate(found[0]), np.concatenate(found[1])


def main(
    flow: Annotated[Path, typer.Argument(help="Run folder of a flow.")],
    old: Annotated[Path, typer.Option(help="Run folder of the recogniser that it learned with.")],
    new: Annotated[Path, typer.Option(help="Run folder of the recogniser that it shall take.")],
    data: Annotated[list[Path], typer.Option(help="Folders of rendered swap pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    limit: Annotated[int, typer.Option(min=1, help="Shards to load at most, of each folder and split.")] = 10,
) -> None:
    """Writes a run folder whose flow takes the new recogniser's identities, and prints how well they map."""
    network, record = load_model(flow)
    nets = [load_model(run)[0] for run in (new, old)]
    if not isinstance(network, VelocityNet) or not all(isinstance(net, Recogniser) for net in nets):
        raise InputError("a flow and two recognisers are expected.", "Name their run folders: see --help.")
    if any(net.config.embedding != network.config.identity for net in nets):  # type: ignore[union-attr]
        raise InputError(f"identities of {network.config.identity} numbers are expected.", "Use nets of one preset.")
    matrix = fit_map(*_pairs(nets[0], nets[1], data, "train", limit))  # type: ignore[arg-type]
    unseen, truth = _pairs(nets[0], nets[1], data, "validation", limit)  # type: ignore[arg-type]
    before, after = likeness(unseen, truth), likeness(unseen @ matrix.T, truth)
    typer.echo(f"cosine to the old identity, people never seen: {before:.3f} -> {after:.3f}")
    notes = {**record["data"], "recogniser_exchanged": {"cosine_before": before, "cosine_after": after}}
    save_weights(out, with_identities_through(network, matrix).state_dict(), {**record, "data": notes})


if __name__ == "__main__":
    typer.run(main)
