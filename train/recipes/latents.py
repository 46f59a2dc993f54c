"""Pictures as the flow sees them: latent, attributes, identity. Encoded once for a trained VAE, then kept."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from facesdk.errors import InputError
from facesdk.faces.align import crop_matrix, warp_crop
from train.checkpoint import load_model
from train.data.attributes import AttributeTable, shard_attributes
from train.data.portrait_data import portraits
from train.models.faces.recogniser import Recogniser
from train.models.latent_flow.vae import VAE
from train.recipes.tensors import picture_tensor

N = TypeVar("N", bound=nn.Module)

FORMAT = 1  # raise it when the same nets and pictures are encoded in another way
BATCH = 64
FIELDS = ("rgb", "parts", "landmarks", "identity", "donor", "group", "pose", "identity_vector", "attribute_vector")


@dataclass(frozen=True)
class Latents:
    """N pictures without their pixels; every second half is the first one mirrored.

    Attributes:
        latent: (N, D) float32, mean of the posterior, normalised.
        identity: (N, E) float16, unit length.
        table: what is known of them.
    """

    latent: NDArray[np.float32]
    identity: NDArray[np.float16]
    table: AttributeTable

    def __len__(self) -> int:
        return len(self.latent)


def weights_digest(run: Path) -> str:
    """Of a run folder's weights: the same digest is the same net.

    Raises:
        InputError: the folder holds none.
    """
    path = run / "model.safetensors"
    if not path.is_file():
        raise InputError(f"{run}: no run found (model.safetensors expected).", "Train first: python -m train --help")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def encode_latents(
    vae: VAE, recogniser: Recogniser, arrays: Mapping[str, NDArray[Any]], table: AttributeTable, seed: int
) -> Latents:
    """Encodes pictures and their mirror images, each before a backdrop of its own.

    Args:
        vae: in eval mode.
        recogniser: in eval mode; sees the crop with its real background, as it will of a user's picture.
        arrays: swap shards with FIELDS.
        table: of the same rows.
        seed: of the backdrops.
    """
    size = recogniser.config.image_size
    latents, identities = [], []
    with torch.no_grad():
        for step in (1, -1):
            for first in range(0, len(table), BATCH):
                rows = np.arange(first, min(first + BATCH, len(table)))
                pictures = portraits(arrays, rows, seed + (step < 0))[:, :, ::step]
                latents.append(vae.normalise(vae.encode(picture_tensor(pictures)).mean).numpy())
                crops = [
                    warp_crop(arrays["rgb"][row], crop_matrix(arrays["landmarks"][row], "arcface", size), size)[
                        :, ::step
                    ]
                    for row in rows
                ]
                identities.append(F.normalize(recogniser(picture_tensor(np.stack(crops))).float()).numpy())
    both, mirrored = table, table.mirrored()
    joined = AttributeTable(
        np.concatenate([both.values, mirrored.values]), np.concatenate([both.known, mirrored.known])
    )
    return Latents(np.concatenate(latents).astype(np.float32), np.concatenate(identities).astype(np.float16), joined)


def cached_latents(
    vae: Path, recogniser: Path, arrays: Mapping[str, NDArray[Any]], split: str, seed: int = 0
) -> Latents:
    """Latents of a VAE's run folder: read, if these very pictures lie there, else encoded and left there.

    They lie with the VAE and not with the flow, because they are of the VAE: another flow on it needs no new ones.

    Args:
        vae: run folder.
        recogniser: run folder.
        arrays: swap shards with FIELDS.
        split: part of the file's name.
        seed: of the backdrops.

    Raises:
        InputError: a folder holds no run, or the arrays lack a field.
    """
    encoder, judge = load_run(vae, VAE), load_run(recogniser, Recogniser)
    size = encoder.config.image_size
    if arrays["rgb"].shape[1] != size:
        raise InputError(
            f"{vae}: the VAE takes pictures of {size} px, the data has {arrays['rgb'].shape[1]} px.",
            "Name the data that the VAE was trained on.",
        )
    table = shard_attributes(arrays)
    digest = hashlib.sha256(f"{FORMAT} {seed} {weights_digest(vae)} {weights_digest(recogniser)}".encode())
    for name in ("identity", "donor", "group", "landmarks", "pose"):
        digest.update(np.ascontiguousarray(arrays[name]))
    path = vae / f"latents-{split}-{digest.hexdigest()[:16]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            return Latents(kept["latent"], kept["identity"], AttributeTable(kept["values"], kept["known"]))
    made = encode_latents(encoder, judge, arrays, table, seed)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, latent=made.latent, identity=made.identity, values=made.table.values, known=made.table.known)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return made


def cached_attributes(vae: Path, split: str) -> AttributeTable:
    """What is known of the pictures whose latents lie with a VAE.

    Args:
        vae: run folder.
        split: of `cached_latents`.

    Raises:
        InputError: no latents lie there, or those of several sets of pictures.
    """
    found = sorted(vae.glob(f"latents-{split}-*.npz"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(
            f"{vae}: one file latents-{split}-*.npz expected, found {names}.",
            "Train the flow on this VAE (python -m train flow), which leaves them there; delete those of older data.",
        )
    with np.load(found[0], allow_pickle=False) as kept:
        return AttributeTable(kept["values"], kept["known"])


def load_run(run: Path, kind: type[N]) -> N:
    """The network of a run folder, in eval mode.

    Raises:
        InputError: there is none, or it is of another kind.
    """
    network, preset = load_model(run)
    if not isinstance(network, kind):
        raise InputError(f"{run}: a run of a {kind.__name__} expected, found one of {preset['net']!r}.")
    return network
