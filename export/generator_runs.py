"""The generator's two runs, checked to belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from export.families.latent_flow import draw_prior
from export.run_record import run_record
from facesdk.errors import InputError
from facesdk.sampling.prior import AttributePrior
from train.checkpoint import load_model
from train.data.attributes import VOCABULARY
from train.models.latent_flow.vae import VAE
from train.models.latent_flow.velocity import VelocityNet
from train.recipes.latents import cached_attributes, load_run, weights_digest

PRIOR_FILE = "attribute_prior.json"


def load_generator(
    vae: Path, flow: Path, latents_of: Path, preset: str
) -> tuple[VAE, VelocityNet, dict[str, dict[str, Any]]]:
    """Loads a VAE and a flow.

    Args:
        vae: run folder of the VAE that goes into the pack.
        flow: run folder of the velocity net.
        latents_of: run folder of the VAE whose latents the flow learned; `vae`, or one that encodes as it does.
        preset: what both must have been trained with; a later stage of the VAE, as in "nano_sharp", counts.

    Returns:
        VAE, velocity net, and their records for the manifest.

    Raises:
        InputError: a folder holds another net, another preset, or the two do not belong together.
    """
    coder, vae_record = load_model(vae)
    net, flow_record = load_model(flow)
    for run, module, record, kind in ((vae, coder, vae_record, VAE), (flow, net, flow_record, VelocityNet)):
        if not isinstance(module, kind):
            raise InputError(f"{run} holds a {type(module).__name__}, expected a {kind.__name__}.")
        got = str(record.get("preset"))
        if got != preset and not (kind is VAE and got.startswith(f"{preset}_")):
            raise InputError(f"{run} was trained with the preset {got!r}, got --preset {preset}.")
    assert isinstance(coder, VAE) and isinstance(net, VelocityNet)
    if flow_record.get("data", {}).get("vae") != weights_digest(latents_of):
        raise InputError(
            f"{flow} learned the latents of another VAE than {latents_of}.",
            "Name its VAE with --vae; if only the decoder was trained on since, name the older run with --latents-of.",
        )
    if latents_of != vae and not _encodes_alike(coder, load_run(latents_of, VAE)):
        raise InputError(
            f"{vae} encodes otherwise than {latents_of}, so the flow does not fit it.", "Train the flow on it."
        )
    return coder, net, {"vae": run_record(vae, vae_record), "velocity": run_record(flow, flow_record)}


def load_prior(vae: Path) -> AttributePrior:
    """What occurs together in the pictures that a flow learned.

    Args:
        vae: run folder: with the latents that the flow left there, or unpacked with what its pack had drawn of them.

    Raises:
        InputError: neither lies there.
        PackError: what was unpacked cannot be read.
    """
    kept = vae / PRIOR_FILE
    if kept.is_file() and not any(vae.glob("latents-train-*.npz")):
        return AttributePrior.from_manifest(VOCABULARY, json.loads(kept.read_text()))
    return draw_prior(cached_attributes(vae, "train"))


def _encodes_alike(first: VAE, second: VAE) -> bool:
    def state(vae: VAE) -> dict[str, torch.Tensor]:
        return {k: v for k, v in vae.state_dict().items() if not k.startswith("decoder.")}

    ours, others = state(first), state(second)
    # The counters of batch normalisation say how long it was trained, and nothing else.
    names = {name for name in ours | others if not name.endswith("num_batches_tracked")}
    return all(name in ours and name in others and torch.equal(ours[name], others[name]) for name in names)
