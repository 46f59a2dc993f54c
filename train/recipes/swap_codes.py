"""The swap's first stage: encoder and blending learn who is seen and how, before a picture is ever decoded.

An encoder alone runs ten times as many pictures a second as the whole generator, and what it must tell apart is learned
from many pictures, not from good ones.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from train.checkpoint import load_state, start_from_weights
from train.data.degrade import MILD, degrade
from train.data.mirror import mirrored_attributes, mirrored_identity
from train.data.swap_data import MIRROR, SwapData
from train.losses.codes import codes_losses
from train.losses.total import weighted
from train.models.style_swap import CodeHeads, StyleSwap
from train.recipe import StepOutput
from train.recipes.net_crops import arcface_crop
from train.recipes.tensors import picture_tensor

FITTED, RIDGE = 6000, 0.3  # pictures that readers are fitted on; of the codes' mean square


class CodesTraining(nn.Module):
    """One step's losses of the first stage; each picture of a batch is a source, and the one before it its target.

    Args:
        network: the generator; its decoder is not run.
        heads: readers of the codes.
        weights: of the losses, by name.
        recogniser: whose embedding the codes must tell, frozen; None leaves that out.
    """

    def __init__(
        self, network: StyleSwap, heads: CodeHeads, weights: Mapping[str, float], recogniser: nn.Module | None
    ) -> None:
        super().__init__()
        self.network, self.heads, self.weights = network, heads, weights
        if recogniser is None and weights["code_embedding"]:
            warnings.warn("style_swap: no recogniser was given; the codes' embedding is left out.", stacklevel=2)
        network.decoder.requires_grad_(False)
        # Not registered: it is no part of the run's state.
        self._frozen = {"recogniser": recogniser}

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        move_frozen(self._frozen, fn)
        return super()._apply(fn, recurse)

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        codes, _ = self.network.encoder(batch["image"])
        codes_target = codes.roll(1, 0)
        blended, gate = self.network.blending(codes_target, codes)
        embedding = None
        if self._frozen["recogniser"] is not None:
            with torch.no_grad():
                embedding = self._frozen["recogniser"](arcface_crop(batch["clean"])).float()
        terms = codes_losses(
            self.heads, codes, codes_target, blended,
            batch["identity_vector"], batch["attribute_vector"].roll(1, 0), embedding,
        )  # fmt: skip
        return StepOutput(weighted(terms, self.weights), {"gate": gate.detach().float().mean()})


def move_frozen(nets: Mapping[str, nn.Module | None], fn: Any) -> None:
    """Moves nets that a training holds without registering them along with it, as `Module.to` moves the others.

    Args:
        nets: by name.
        fn: what is done to each tensor.
    """
    for net in nets.values():
        if net is not None:
            net._apply(fn)


def codes_batch(data: SwapData, rng: np.random.Generator, count: int) -> dict[str, NDArray[Any]]:
    """Pictures with what is true of them, each face in a crop of its own, see `swap_crops`, half of them mirrored.

    Args:
        data: swap arrays.
        rng: source of randomness.
        count: B.

    Returns:
        image (B, S, S, 3) uint8, as a camera would spoil it; clean, the same unspoilt; identity_vector (B, K);
        attribute_vector (B, A).
    """
    rows = rng.integers(0, len(data.rgb), count)
    clean = data.own_pictures(rows, rng)
    identity, attributes = (data.arrays[name][rows] for name in ("identity_vector", "attribute_vector"))
    seen = rng.random(count) < MIRROR
    clean[seen] = clean[seen][:, :, ::-1]
    identity[seen], attributes[seen] = mirrored_identity(identity[seen]), mirrored_attributes(attributes[seen])
    return {
        "image": np.stack([degrade(picture, rng, MILD) for picture in clean]), "clean": clean,
        "identity_vector": identity, "attribute_vector": attributes,
    }  # fmt: skip


def explained(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Share of the variance that a prediction explains, both (N, K), over all columns that vary; 1 is all of it."""
    varies = truth.std(0) > 1e-2
    error = ((predicted - truth)[:, varies] ** 2).mean(0)
    return float(1 - error.sum() / truth[:, varies].var(0).sum())


def code_figures(network: StyleSwap, heads: CodeHeads, data: SwapData, most: int) -> dict[str, float]:
    """What the codes of unseen people tell.

    Args:
        network: averaged weights.
        heads: of the training.
        data: swap arrays.
        most: pictures at most.
    """
    rows = np.random.default_rng(0).permutation(len(data.rgb))[:most]
    # The average is judged where it lies, which is not where the training runs.
    heads = copy.deepcopy(heads).to(next(network.parameters()).device)
    found: dict[str, list[Tensor]] = {"identity": [], "attributes": []}
    true: dict[str, list[Tensor]] = {"identity": [], "attributes": []}
    for i in range(0, len(rows), 64):
        some = rows[i : i + 64]
        reading = heads(network.encoder(picture_tensor(data.own_pictures(some)))[0])
        vectors = (torch.from_numpy(data.arrays[f"{name}_vector"][some]) for name in ("identity", "attribute"))
        identity, attributes = heads.standardise(*vectors)
        for name, read, truth in (
            ("identity", reading.identity, identity), ("attributes", reading.attributes, attributes),
        ):  # fmt: skip
            found[name].append(read)
            true[name].append(truth)
    return {
        f"{name}_explained": explained(torch.cat(found[name]).numpy(), torch.cat(true[name]).numpy()) for name in found
    }


@torch.no_grad()
def fit_heads(network: StyleSwap, heads: CodeHeads, data: SwapData, recogniser: nn.Module | None) -> None:
    """Fits readers to the codes of a trained network by ridge regression, in place.

    A weights file or a pack holds no readers; fresh ones would pull at codes that are good already.

    Args:
        network: trained.
        heads: with their statistics set.
        data: swap arrays.
        recogniser: whose embedding the codes tell, or None.
    """
    was_training = network.training
    network.eval()
    rows = np.random.default_rng(0).permutation(len(data.rgb))[:FITTED]
    codes, wanted = [], []
    for i in range(0, len(rows), 64):
        some = np.sort(rows[i : i + 64])
        pictures = picture_tensor(data.own_pictures(some))
        codes.append(network.encoder(pictures)[0].flatten(1))
        vectors = (torch.from_numpy(data.arrays[f"{name}_vector"][some]) for name in ("identity", "attribute"))
        truth = [values.nan_to_num() for values in heads.standardise(*vectors)]
        if heads.embedding is not None and recogniser is not None:
            truth.append(recogniser(arcface_crop(pictures)).float())
        wanted.append(torch.cat(truth, 1))
    network.train(was_training)
    x, y = torch.cat(codes).double(), torch.cat(wanted).double()
    mean, middle = x.mean(0), y.mean(0)
    x = x - mean
    strength = RIDGE * x.square().mean() * len(x)
    weight = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1]).double(), x.T @ (y - middle)).T
    bias, first = middle - weight @ mean, 0
    for head in (heads.identity, heads.attributes, heads.embedding if recogniser is not None else None):
        if head is not None:
            end = first + head.out_features
            head.weight.copy_(weight[first:end])
            head.bias.copy_(bias[first:end])
            first = end


def start_from_run(
    network: StyleSwap,
    heads: CodeHeads,
    run: Path,
    data: SwapData | None = None,
    recogniser: nn.Module | None = None,
) -> str:
    """Takes over a run's averaged weights, and its readers of the codes where its state was kept; else fits new ones.

    Args:
        network: of the same sizes.
        heads: of the same sizes; their statistics are taken over with them.
        run: run folder of a style swap.
        data: swap arrays to fit new readers on; None leaves them as they are.
        recogniser: for `fit_heads`.

    Returns:
        The run's name and step.

    Raises:
        InputError: no run, one of another network, or one whose heads have other sizes.
    """
    name = start_from_weights(network, run)
    state = load_state(run)
    if state is None or not any(name.startswith("heads.") for name in state["module"]):
        if data is not None:
            fit_heads(network, heads, data, recogniser)
    else:
        kept = {name.removeprefix("heads."): v for name, v in state["module"].items() if name.startswith("heads.")}
        shapes = {name: tuple(value.shape) for name, value in kept.items()}
        expected = {name: tuple(value.shape) for name, value in heads.state_dict().items()}
        if shapes != expected:
            differ = sorted(n for n in shapes.keys() | expected.keys() if shapes.get(n) != expected.get(n))
            raise InputError(
                f"{run}: its readers of the codes differ from this run's in {', '.join(differ)}.",
                "Give --recogniser in both stages or in neither, of the same embedding, and data of the same world.",
            )
        heads.load_state_dict(kept)
    return name
