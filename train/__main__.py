"""`python -m train NET`: trains a net of a family on the face world."""

from __future__ import annotations

import os

# Before torch starts its threads: a busy neighbour must not make OpenMP spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from facesdk.errors import FacesdkError, InputError
from train.presets import RECIPES, load_recipe
from train.recipe import Recipe, with_steps

app = typer.Typer(add_completion=False)
console = Console()


def dry_run_table(recipe: Recipe) -> Table:
    """What would be trained: sizes, settings and the memory that weights and optimiser take."""
    trained = sum(p.numel() for p in recipe.module.parameters() if p.requires_grad)
    network = sum(p.numel() for p in recipe.network.parameters())
    critic = sum(p.numel() for p in recipe.discriminator.parameters()) if recipe.discriminator else 0
    table = Table(title=f"{recipe.net}, preset {recipe.preset}", show_header=False)
    table.add_row("network", f"{network / 1e6:.2f} M parameters")
    table.add_row("trained in all", f"{(trained + critic) / 1e6:.2f} M parameters")
    # AdamW keeps weights, gradients and two moments in float32, and the loop an average of the network.
    table.add_row(
        "weights + optimiser", f"{(16 * (trained + critic) + 4 * network) / 2**30:.2f} GiB, activations not counted"
    )
    for name, value in {
        **asdict(recipe.config),
        **{f"net.{k}": v for k, v in asdict(recipe.network_config).items()},
    }.items():
        table.add_row(name, str(value))
    return table


@app.command()
def main(
    net: Annotated[str, typer.Argument(metavar="NET", help=f"What to train: {', '.join(RECIPES)}.")],
    preset: Annotated[str, typer.Option(help="Sizes of the network and settings of its training.")] = "nano",
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that `python -m train.data.face_world render` wrote; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; an unfinished run in it is resumed.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random; with the step it says what is drawn.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps in all; default: the preset's.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step; default: the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak; default: the preset's.")] = None,
    precision: Annotated[str | None, typer.Option(help="bf16 or no; default: the preset's.")] = None,
    compile: Annotated[bool | None, typer.Option("--compile/--no-compile", help="torch.compile the network.")] = None,
    stop_after: Annotated[int | None, typer.Option(help="Stop, resumable, after this many steps in all.")] = None,
    recogniser: Annotated[
        Path | None, typer.Option(help="Run folder of a recogniser, for the identity losses of a swap and a flow.")
    ] = None,
    landmarks: Annotated[
        Path | None, typer.Option(help="Run folder of a landmark net, for the landmark loss of a swap.")
    ] = None,
    vae: Annotated[Path | None, typer.Option(help="Run folder of a VAE, whose latents a flow learns.")] = None,
    parser: Annotated[
        Path | None, typer.Option(help="Run folder of a parser, for the perceptual loss of a VAE, as --recogniser is.")
    ] = None,
    vgg: Annotated[
        Path | None, typer.Option(help="torchvision's weights file of VGG-19, for the perceptual loss of a VAE.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Run folder whose weights the training starts from, such as a first stage's.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    limit: Annotated[int | None, typer.Option(help="Shards of training data to load at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved preset and stop.")] = False,
) -> None:
    """Train a net on rendered people; the same command resumes it."""
    try:
        if threads:
            torch.set_num_threads(threads)
        recipe = load_recipe(
            net,
            preset,
            [] if dry_run or not data else data,
            recogniser=recogniser,
            limit=limit,
            landmarks=landmarks,
            vae=vae,
            parser=parser,
            vgg=vgg,
            start=start,
        )
        changes = {
            "batch_size": batch_size, "learning_rate": learning_rate, "precision": precision, "compile": compile,
        }  # fmt: skip
        recipe.config = replace(recipe.config, **{k: v for k, v in changes.items() if v is not None})
        if steps is not None:
            recipe.config = with_steps(recipe.config, steps)
        if dry_run:
            console.print(dry_run_table(recipe))
            return
        if not data or out is None:
            raise InputError(
                "--data and --out are needed to train.",
                "Render data first: python -m train.data.face_world render --help",
            )
        from train.loop import Trainer

        Trainer(recipe, out, seed, stop_after).train()
    except FacesdkError as error:
        typer.echo(f"train: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    app()
