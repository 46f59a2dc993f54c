"""python -m bench ablation: variants of the swap's recipe, several seeds, the same budget of steps, one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.ablation_renderer import RendererFirst
from bench.ablation_variants import Variant, changed_config
from bench.ablation_view import View
from bench.quality.scores import Embed, Locate, Scorer, Scores
from bench.quality.test_set import Arrays
from facesdk.errors import InputError
from train.checkpoint import load_model, write_json
from train.data.face_world.shards import read_world
from train.data.face_world.vectors import IDENTITY_FIELDS
from train.data.swap_crops import cut_pictures, cut_points, own_crop
from train.data.swap_data import SwapData
from train.loop import Trainer
from train.models.style_swap import PRESETS
from train.presets import RECIPES, load_worlds
from train.recipes.style_swap import StyleSwapRecipe, SwapTraining
from train.recipes.swap_settings import LOSSES
from train.recipes.swap_shape import found_points
from train.recipes.tensors import picture_array, picture_tensor

METRICS = {
    "gain_db": "gain, changed region, dB",
    "gain_hull_db": "gain, landmark hull, dB",
    "top5": "identity in the top-5",
    "landmark_error": "landmarks to the exact swap's",
}
# Of a first stage, which makes no picture.
CODE_METRICS = {
    "identity_explained": "identity parameters, share of the variance that the codes explain",
    "attributes_explained": "attributes, the same",
}
SCORE_FILE = "score.json"
_OF_RECOGNISER, _OF_LANDMARKS = {"perceptual"}, {"points"}
BATCH = 16


@dataclass(frozen=True)
class AblationOptions:
    """What all variants share.

    Attributes:
        preset: of the swap.
        steps: optimiser steps of each run.
        seeds: of each variant.
        batch_size: samples a step; None for the preset's.
        swaps: validation swaps that are scored.
        shards: of training data, of each folder; None for all.
        recogniser: run folder for the losses.
        landmarks: run folder for the losses; not of the network that scores.
        start: run folder of the first stage; variants that start from it are left out without.
    """

    preset: str = "nano"
    steps: int = 300
    seeds: tuple[int, ...] = (0, 1, 2)
    batch_size: int | None = None
    swaps: int = 96
    shards: int | None = None
    recogniser: Path | None = None
    landmarks: Path | None = None
    start: Path | None = None


Progress = Callable[[str], None]


def run_ablation(
    variants: Mapping[str, Variant],
    data: Sequence[Path],
    out: Path,
    options: AblationOptions,
    judge: Embed,
    locate: Locate,
    say: Progress = print,
) -> dict[str, Any]:
    """Trains and scores what is not there yet; a stop loses the steps since the last saved state at most.

    Args:
        variants: of `chosen_variants`.
        data: folders of swap shards, training and validation.
        out: folder of the run folders, one a variant and seed, outside of the repository.
        options: what all share.
        judge: recogniser that no loss knows.
        locate: landmark network, on pictures and rough landmarks.
        say: told what goes on.

    Returns:
        The table as JSON values, see `ablation_table`.

    Raises:
        InputError: the folder holds an ablation with other options, or data are missing.
    """
    changed = {loss for variant in variants.values() for loss in variant.weights}
    if options.recogniser is None and changed & _OF_RECOGNISER:
        raise InputError("a variant changes the recogniser's losses, and there is no recogniser.", "Give --recogniser.")
    if options.landmarks is None and changed & _OF_LANDMARKS:
        raise InputError("a variant changes the landmarks' losses, and there is no landmark net.", "Give --landmarks.")
    _claim(out, options, data)
    fields = RECIPES["style_swap"][3]
    train = load_worlds(data, "swap", "train", fields, options.shards)
    validation = load_worlds(data, "swap", "validation", fields)
    worlds = {"worlds": [read_world(folder) for folder in data], "shards": options.shards or "all"}
    triplets, gallery = validation_triplets(validation, options.swaps)
    scorer = Scorer(triplets, gallery, judge, locate)
    finder = load_model(options.landmarks)[0] if options.landmarks else None
    plain, metrics = scorer.score(triplets["target"]), metrics_of(options.preset)
    scores: dict[str, dict[int, dict[str, float]]] = {}
    # Seed by seed, so that a table of all variants is there early.
    for seed in options.seeds:
        for name, variant in variants.items():
            run = out / f"{name}-{seed}"
            kept = run / SCORE_FILE
            if not kept.is_file():
                say(f"{name}, seed {seed}: {variant.says}")
                torch.manual_seed(seed)  # of the first weights, too
                recipe = variant_recipe(variant, options, train, validation, worlds)
                Trainer(recipe, run, seed).train()
                network, record = load_model(run)
                if record["step"] < options.steps:
                    raise InputError(f"{run} stopped at step {record['step']}.", "The same command goes on.")
                if metrics is CODE_METRICS:
                    write_json(kept, {metric: record["metrics"][metric] for metric in metrics})
                else:
                    results = swapped(network, triplets, variant.view, finder)
                    write_json(kept, _picture_scores(scorer.score(results), plain))
            scores.setdefault(name, {})[seed] = json.loads(kept.read_text())
            write_json(out / "table.json", ablation_table(variants, scores, options))
    table = ablation_table(variants, scores, options)
    (out / "table.md").write_text(markdown(table), encoding="utf-8")
    return table


def metrics_of(preset: str) -> Mapping[str, str]:
    """What runs of a preset are scored by: name -> text."""
    return CODE_METRICS if LOSSES[preset].phase == "codes" else METRICS


def _picture_scores(found: Scores, plain: Scores) -> dict[str, float]:
    return {
        "gain_db": found.psnr_changed - plain.psnr_changed,
        "gain_hull_db": found.psnr_hull - plain.psnr_hull,
        "top5": found.top5,
        "landmark_error": found.landmark_error,
    }


def variant_recipe(
    variant: Variant, options: AblationOptions, train: Arrays, validation: Arrays, worlds: dict[str, Any]
) -> StyleSwapRecipe:
    """The recipe with a variant's changes."""
    if variant.view is not None:
        train, validation = variant.view.arrays(train), variant.view.arrays(validation)
    recipe = StyleSwapRecipe(
        options.preset,
        changed_config(PRESETS[options.preset.split("_")[0]], variant.network),
        train,
        validation,
        worlds,
        recogniser=None if variant.view else options.recogniser,
        landmarks=None if variant.view else options.landmarks,
        start=options.start if variant.start else None,
    )
    if variant.keeps:
        if options.start is None:
            raise InputError(f"a variant keeps {' and '.join(variant.keeps)} of a trained run.", "Give --start.")
        trained, _ = load_model(options.start)
        for part in variant.keeps:
            recipe.network.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
    weights = recipe.module.weights
    assert isinstance(weights, dict)
    # What the recipe itself had to leave out, for want of a network, stays out.
    weights.update({name: value for name, value in variant.weights.items() if weights[name]})
    if variant.rendered:
        assert isinstance(recipe.module, SwapTraining)
        recipe.module = RendererFirst(recipe.module, SwapData(train), variant.rendered)
    config = recipe.config
    recipe.config = replace(
        config,
        steps=options.steps,
        batch_size=options.batch_size or config.batch_size,
        learning_rate=config.learning_rate * variant.rate,
        warmup_steps=min(config.warmup_steps, max(1, options.steps // 10)),
        eval_every=options.steps,
        save_every=min(config.save_every, 100),
    )
    return recipe


def validation_triplets(validation: Arrays, count: int) -> tuple[Arrays, Arrays]:
    """Triplets and a gallery as the swap's test set has them, from validation people."""
    pairs = SwapData(validation)
    rng = np.random.default_rng(0)
    source, target, exact = (np.array(rows) for rows in zip(*(pairs.draw(rng, False) for _ in range(count))))
    people, identity, marks = validation["rgb"], validation["identity"], validation["landmarks"]
    # Each in the crop that a user's picture would have; the exact swap in its target's.
    cuts = {
        name: [own_crop(marks[row], people.shape[1], rng, None, pairs.crop_scale) for row in rows]
        for name, rows in (("source", source), ("target", target))
    }
    rows_of = {"source": (source, cuts["source"]), "target": (target, cuts["target"]), "exact": (exact, cuts["target"])}
    triplets = {
        **{name: cut_pictures(people[rows], crops) for name, (rows, crops) in rows_of.items()},
        **{f"{name}_landmarks": cut_points(marks[rows], crops) for name, (rows, crops) in rows_of.items()},
        "identity": identity[exact],
        "target_identity": identity[target],
    }
    # Of each person a picture that is no source, where there is one.
    spare = np.setdiff1d(np.arange(len(people)), source)
    rows = [next((row for row in spare[identity[spare] == name]), None) for name in pairs.identities]
    first = np.array([pairs.rows_of[int(name)][0] if row is None else row for row, name in zip(rows, pairs.identities)])
    tone = validation["identity_vector"][first, IDENTITY_FIELDS.index("tone")]
    return triplets, {
        "rgb": people[first], "landmarks": validation["landmarks"][first], "identity": identity[first], "tone": tone,
    }  # fmt: skip


def swapped(
    network: Any, triplets: Arrays, view: View | None = None, finder: nn.Module | None = None
) -> NDArray[np.uint8]:
    """The network's results in the stored pictures, (N, S, S, 3) uint8.

    Args:
        network: a `StyleSwap`.
        triplets: of `validation_triplets`.
        view: what it sees of them.
        finder: landmark net that reads the points of a shape path; without one they are the true ones.
    """
    out = []
    with torch.no_grad():
        for i in range(0, len(triplets["target"]), BATCH):
            pair = [
                {"rgb": triplets[name][i : i + BATCH], "landmarks": triplets[f"{name}_landmarks"][i : i + BATCH]}
                for name in ("source", "target")
            ]
            target = pair[1]["rgb"]
            if view is not None:
                pair = [view.arrays({**one, "parts": one["rgb"][..., 0]}) for one in pair]
            points = None
            if network.shape is not None:
                points = tuple(torch.from_numpy(found_points(finder, one["rgb"], one["landmarks"])) for one in pair)
            source, seen = (picture_tensor(one["rgb"]) for one in pair)
            found = network(source, seen, "fixed", points=points)
            if view is None:
                out.append(picture_array(found.composite(seen)))
                continue
            image = (found.image.permute(0, 2, 3, 1).float().numpy() + 1) * 127.5
            mask = np.ones(image.shape[:3], np.float32) if found.mask is None else found.mask[:, 0].sigmoid().numpy()
            out.append(view.paste(image, mask, target))
    return np.concatenate(out)


def ablation_table(
    variants: Mapping[str, Variant], scores: Mapping[str, Mapping[int, Mapping[str, float]]], options: AblationOptions
) -> dict[str, Any]:
    """Mean and standard deviation over the seeds, and the mean difference to what a variant is held against.

    The difference is taken seed by seed: the same seed draws the same batches.
    """
    rows = []
    for name, by_seed in scores.items():
        variant = variants[name]
        row: dict[str, Any] = {"variant": name, "says": variant.says, "against": variant.against, "seeds": len(by_seed)}
        rival = scores.get(variant.against, {})
        for metric in metrics_of(options.preset):
            values = [score[metric] for score in by_seed.values()]
            gains = [score[metric] - rival[seed][metric] for seed, score in by_seed.items() if seed in rival]
            row[metric] = {
                "mean": float(np.mean(values)),
                "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                "difference": float(np.mean(gains)) if gains else None,
            }
        rows.append(row)
    return {"steps": options.steps, "preset": options.preset, "swaps": options.swaps, "rows": rows}


def markdown(table: Mapping[str, Any]) -> str:
    """The table as text."""
    metrics = metrics_of(table["preset"])
    lines = [f"Preset {table['preset']}, {table['steps']} steps, {table['swaps']} validation swaps.", ""]
    lines.append("| " + " | ".join(("variant", "change", "against", "seeds", *metrics.values())) + " |")
    lines.append("|" + " --- |" * (4 + len(metrics)))
    for row in table["rows"]:
        cells = [row["variant"], row["says"], row["against"], str(row["seeds"])]
        for metric in metrics:
            value = row[metric]
            spread = "" if value["std"] is None else f" ± {value['std']:.2g}"
            change = "" if value["difference"] is None else f" ({value['difference']:+.3g})"
            cells.append(f"{value['mean']:.4g}{spread}{change}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _claim(out: Path, options: AblationOptions, data: Sequence[Path]) -> None:
    """Writes the options into the folder, or checks that they are the ones there; further seeds may be added."""
    wanted = {
        "preset": options.preset, "steps": options.steps, "batch_size": options.batch_size, "swaps": options.swaps,
        "shards": options.shards, "recogniser": options.recogniser and options.recogniser.name,
        "landmarks": options.landmarks and options.landmarks.name,
        "start": options.start and options.start.name, "data": [folder.name for folder in data],
    }  # fmt: skip
    path = out / "ablation.json"
    if path.is_file():
        there = json.loads(path.read_text())
        differing = sorted(key for key in wanted if there.get(key) != wanted[key])
        if differing:
            changes = ", ".join(f"{key} {there.get(key)} there, {wanted[key]} asked" for key in differing)
            raise InputError(f"{out} holds an ablation with other options: {changes}.", "Choose another folder.")
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)
