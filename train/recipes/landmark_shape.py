"""Gives a trained landmark net its shape layer: the linear correction in closed form, and what bends beside it.

    python -m train.recipes.landmark_shape RUN --data DIR [--data DIR] -o OUT

Gradient steps find the linear layer slowly, because its inputs are nearly dependent; the normal equations find it at
once. The hidden layer beside it is trained on the same observations, of which it needs more: 28,000 crops gave it 4 %
of the error, 14,000 almost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from train.checkpoint import config_dict, load_model, save_weights
from train.data.degrade import HARD, MILD
from train.data.face_data import landmark_batch
from train.models.faces.landmarks import Landmarks, heat_spread, shape_features
from train.recipes.landmarks import LandmarksRecipe, landmarks_recipe
from train.recipes.tensors import picture_tensor

F32 = NDArray[np.float32]
WIDE_SHARE = 0.2  # of the crops are first looks: their correction must not suffer
MIXTURE = (None, MILD, MILD, HARD)


def fit_shape(said: F32, offset: F32, ridge: float = 1e-3, rounds: int = 3) -> tuple[F32, F32, F32, F32]:
    """Ridge regression of the correction, reweighted so that the mean of the faces' RMS errors is what falls.

    Args:
        said: (N, K) features of `shape_features`.
        offset: (N, 2 P) true points minus found ones, over the face's size.
        ridge: on standardised features, a sample.
        rounds: of reweighting; a face counts one over its error.

    Returns:
        weight (2 P, K), bias (2 P,), mean (K,) and scale (K,) of the features.
    """
    mean, scale = said.mean(0), said.std(0) + 1e-3
    design = np.concatenate([(said - mean) / scale, np.ones((len(said), 1), np.float32)], 1).astype(np.float64)
    penalty = ridge * len(said) * np.eye(design.shape[1])
    penalty[-1, -1] = 0
    solution = np.zeros((design.shape[1], offset.shape[1]))
    for _ in range(rounds):
        error = np.sqrt(((offset - design @ solution) ** 2).mean(1))
        weight = 1 / np.maximum(error, 0.3 * np.median(error))
        weight = (weight / weight.mean())[:, None]
        solution = np.linalg.solve(design.T @ (design * weight) + penalty, design.T @ (offset * weight))
    return solution[:-1].T.astype(np.float32), solution[-1].astype(np.float32), mean, scale


def fit_bend(
    said: F32, offset: F32, linear: tuple[F32, F32], hidden: int, seed: int = 0, epochs: int = 20, batch: int = 256
) -> dict[str, Tensor]:
    """The linear correction trained on, with a hidden layer beside it, by the mean of the faces' RMS errors.

    Args:
        said: (N, K) standardised features.
        offset: (N, 2 P).
        linear: weight (2 P, K) and bias (2 P,) to begin with.
        hidden: width.
        seed: of the start and of the order.
        epochs: passes over all samples.
        batch: samples a step.

    Returns:
        shape.weight, shape.bias, bend.0.* and bend.2.*, as of `Landmarks`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(said.shape[1], offset.shape[1])
        layer.load_state_dict({"weight": torch.from_numpy(linear[0]), "bias": torch.from_numpy(linear[1])})
        last = nn.Linear(hidden, offset.shape[1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        bend = nn.Sequential(nn.Linear(said.shape[1], hidden), nn.ReLU(), nn.Dropout(0.1), last)
        inputs, truth = torch.from_numpy(said), torch.from_numpy(offset)
        optimizer = torch.optim.AdamW([*layer.parameters(), *bend.parameters()], weight_decay=0.05)
        steps = epochs * -(-len(said) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(said)).split(batch):
                missed = (truth[rows] - layer(inputs[rows]) - bend(inputs[rows])).unflatten(1, (-1, 2))
                loss = (missed.square().sum(-1).mean(1) + 1e-8).sqrt().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    named = {"shape": layer, "bend.0": bend[0], "bend.2": last}
    return {
        f"{name}.{kind}": getattr(part, kind).detach() for name, part in named.items() for kind in ("weight", "bias")
    }


@torch.no_grad()
def observe(
    network: Landmarks, arrays: Mapping[str, NDArray[Any]], rng: np.random.Generator, count: int, chunk: int = 48
) -> tuple[F32, F32]:
    """What a net says about random crops, and how far it is off: (N, 5 P) and (N, 2 P), as `fit_shape` takes them."""
    size = network.config.image_size
    features, offsets = [], []
    for _ in range(-(-count // chunk)):
        config = MIXTURE[rng.integers(len(MIXTURE))]
        raw = landmark_batch(arrays, rng, chunk, size, config, tight=rng.random() >= WIDE_SHARE)
        heat, out = network.look(picture_tensor(raw["image"]))
        probability = heat.softmax(-1)
        means = probability @ network.grid
        seen = network.place(means, out)
        said, extent = shape_features(seen.points, heat_spread(probability, means), seen.visible)
        features.append(said.numpy())
        offsets.append(((torch.from_numpy(raw["points"]) - seen.points) / extent).flatten(1).numpy())
    return np.concatenate(features), np.concatenate(offsets)


def with_shape(network: Landmarks, recipe: LandmarksRecipe, count: int, hidden: int = 0, seed: int = 0) -> Landmarks:
    """The same net with a shape layer fitted to the recipe's training pictures.

    Args:
        network: trained, without the layer.
        recipe: with data.
        count: crops.
        hidden: width of the layer beside the linear one; 0 for none.
        seed: of the crops.
    """
    assert recipe.train is not None
    rng = np.random.default_rng([seed, 68])
    worlds = [*recipe.train] if recipe.close is None else [*recipe.train, recipe.close]
    said, offset = (np.concatenate(p) for p in zip(*(observe(network, w, rng, count // len(worlds)) for w in worlds)))
    weight, bias, mean, scale = fit_shape(said, offset)
    layers = {"shape.weight": torch.from_numpy(weight), "shape.bias": torch.from_numpy(bias)}
    if hidden:
        layers = fit_bend((said - mean) / scale, offset, (weight, bias), hidden, seed)
    layers |= {"shape_mean": torch.from_numpy(mean), "shape_scale": torch.from_numpy(scale)}
    fitted = Landmarks(replace(network.config, shape=True, shape_hidden=hidden)).eval()
    fitted.load_state_dict({**network.state_dict(), **layers})
    return fitted


def without_shape(network: nn.Module) -> nn.Module:
    """The net as it was trained, for a training that goes on; one without the layer as it is."""
    if not isinstance(network, Landmarks) or not network.config.shape:
        return network
    plain = Landmarks(replace(network.config, shape=False, shape_hidden=0)).eval()
    plain.load_state_dict({name: value for name, value in network.state_dict().items() if name in plain.state_dict()})
    return plain


def main(
    run: Annotated[Path, typer.Argument(help="Run folder of a landmark net.")],
    data: Annotated[list[Path], typer.Option(help="Folders as for training.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    count: Annotated[int, typer.Option(min=1, help="Crops to fit to.")] = 96000,
    hidden: Annotated[int, typer.Option(min=0, help="Width of the layer beside the linear one; 0: none.")] = 192,
    limit: Annotated[int | None, typer.Option(help="Shards of training data to load at most.")] = None,
) -> None:
    """Writes a run folder with the shape layer, and prints what it changes on the validation split."""
    network, record = load_model(run)
    if not isinstance(network, Landmarks) or network.config.shape:
        raise InputError(f"{run} holds no landmark net without a shape layer.", "Name a run of train landmarks.")
    recipe = landmarks_recipe(record["preset"], network.config, data, limit, record["data"])
    fitted = with_shape(network, recipe, count, hidden)
    with torch.no_grad():
        before, after = recipe.evaluate(network), recipe.evaluate(fitted)
    typer.echo(_compared(before, after))
    notes = {**record["data"], "shape_layer": {"crops": count, "hidden": hidden}}
    save_weights(
        out, fitted.state_dict(), {**record, "config": config_dict(fitted.config), "data": notes, "metrics": after}
    )


def _compared(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    names: Sequence[str] = list(after)
    return "\n".join(f"{name}: {before[name]:.4f} -> {after[name]:.4f}" for name in names)


if __name__ == "__main__":
    typer.run(main)
