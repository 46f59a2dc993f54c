"""python -m export budget: what a pack or a preset takes on a GPU, and whether it fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.budget.costs import family_budget, pack_budget
from export.budget.report import budget_table, notes, plot_budget
from export.families.by_name import FAMILIES, untrained_family
from facesdk.errors import InputError
from facesdk.pack import open_pack

OVER = 1
"""Exit code when something is over its bound."""


def budget(
    subject: Annotated[str, typer.Argument(metavar="PACK|FAMILY", help=f"A pack, or one of {', '.join(FAMILIES)}.")],
    vram: Annotated[float, typer.Option(help="Memory of the GPU in GB (10^9 bytes).")] = 16.0,
    preset: Annotated[str, typer.Option(help="Of a family: its weights are random, as only sizes count.")] = "paper",
    batch: Annotated[str, typer.Option(help="Faces at once, with commas.")] = "1",
    side: Annotated[int, typer.Option(min=32, help="Side of pictures of any size (detector), a multiple of 32.")] = 640,
    gpu: Annotated[str | None, typer.Option(help="Count the engines for this one, such as sm89.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a PNG.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures, in bytes.")] = None,
) -> None:
    """Add up the GPU memory of the graphs that live together; the exit code is 1 when a bound does not hold."""
    batches = [int(text) for text in batch.split(",") if text.strip().isdecimal() and int(text) > 0]
    if len(batches) != len(batch.split(",")):
        raise InputError(f"--batch {batch}: whole numbers above 0 expected.", "For example --batch 1,4.")
    if vram <= 0:
        raise InputError(f"--vram {vram:g}: a size in GB above 0 expected.")
    console = Console()
    with console.status("Adding up"):
        if subject in FAMILIES:
            found = family_budget(untrained_family(subject, preset), preset, int(vram * 1e9), batches, side)
        else:
            found = pack_budget(open_pack(subject), int(vram * 1e9), batches, side, gpu)
    console.print(budget_table(found))
    for line in notes(found):
        console.print(line, soft_wrap=True, highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps(found.document(), indent=1) + "\n")
    if plot is not None:
        plot_budget(found, plot)
    for line in found.faults:
        console.print(f"OVER  {line}", style="red", soft_wrap=True, highlight=False)
    if found.faults:
        raise typer.Exit(OVER)
