"""The commands of the bench that train: `training` and `ablation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.gate import require_tests
from facesdk.pack import open_pack

console = Console()

Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")]


def training(
    preset: Annotated[str, typer.Option(help="Of style_swap.")] = "nano",
    rounds: Annotated[int, typer.Option(min=5, help="Measured steps of each setting.")] = 8,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples a step; default: the preset's.")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Compiled settings too; they take minutes.")] = False,
    json: Json = None,
) -> None:
    """Samples a second of a training step of the swap, against plain recipes on the same net."""
    # torch: only who measures training waits for it.
    from bench.training import GATE, measure_training, training_report

    with console.status("Running the tests of what is timed"):
        tests = require_tests(GATE)
    bench = measure_training(preset, rounds, threads, batch_size, compile)
    training_report(bench, tests, rounds).show(console, json)


def ablation(
    data: Annotated[list[Path], typer.Option(help="Folder of rendered swap pictures; repeated.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the runs, outside of the repository; resumed.")],
    variants: Annotated[str, typer.Option(help="Names with commas; what they are held against comes with them.")],
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of each run.")] = 300,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each variant.")] = 3,
    preset: Annotated[str, typer.Option(help="Of style_swap.")] = "nano",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples a step; default: the preset's.")] = None,
    swaps: Annotated[int, typer.Option(min=1, help="Validation swaps that are scored.")] = 96,
    limit: Annotated[int | None, typer.Option(min=1, help="Shards of training data of each folder.")] = None,
    recogniser: Annotated[Path | None, typer.Option(help="Run folder of a recogniser for the losses.")] = None,
    landmarks: Annotated[Path | None, typer.Option(help="Run folder of a landmark net for the losses.")] = None,
    start: Annotated[Path | None, typer.Option(help="Run folder of the first stage, on the codes.")] = None,
    pack: Annotated[str, typer.Option("--pack", help="A pack whose landmark network scores the shape.")] = "nano",
    judge: Annotated[Path | None, typer.Option(help="Run folder of the judge; default: the repository's.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Variants of the swap's recipe with several seeds at the same budget; the same command goes on after a stop."""
    # torch: only who trains waits for it.
    from bench.ablation import AblationOptions
    from bench.ablation_command import show_ablation

    options = AblationOptions(
        preset, steps, tuple(range(seeds)), batch_size, swaps, limit, recogniser, landmarks, start
    )
    show_ablation(variants, data, out, options, open_pack(pack), judge, threads, console)
