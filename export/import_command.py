"""python -m export import: weights that people own, out of other projects' files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.imports.import_weights import COVERAGE_FILE, import_weights
from export.origins import asked_origin


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="StyleGAN1 (official pickle, or lernapparat's or rosinality's port), pSp, IR-SE-50, arcface_torch, or "
            "weights of this project; as a pickle, a file of torch, or safetensors."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Run folder to make.")],
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights: its name on spdx.org/licenses, or its maker's for it.")
    ] = None,
    licence_url: Annotated[str | None, typer.Option(help="Where that is said.")] = None,
    commercial: Annotated[
        str | None, typer.Option(help="Commercial use under a licence in no list: yes, ask, no. Default: ask.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the work. Default: what the file is, and its name.")] = "",
    preset: Annotated[str, typer.Option(help="Sizes of the network.")] = "paper",
    base: Annotated[
        Path | None, typer.Option(help="Run folder that fills what the file does not. Default: as before training.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the start of what is not filled.")] = 0,
) -> None:
    """Import weights into a run folder, which export and train --start take, and account for every tensor."""
    # Asked before a file of gigabytes is read.
    origin = asked_origin(name, licence, licence_url, commercial)
    coverage = import_weights(file, out, origin, preset, base, seed)
    console = Console()
    for table in coverage.tables():
        console.print(table)
    for difference in coverage.differences:
        console.print(difference, soft_wrap=True, markup=False)
    console.print(
        f"{out}: {coverage.layout}, {len(coverage.placed)} tensors placed, {len(coverage.left)} left, "
        f"{len(coverage.unfilled)} of the network not filled; {origin.spdx}, commercial use: {origin.commercial}. "
        f"The account is in {COVERAGE_FILE}.",
        soft_wrap=True,
        markup=False,
    )
