"""python -m train.gpu_lease pack | run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facesdk.errors import FacesdkError
from train.gpu_lease.packing import pack_lease
from train.gpu_lease.running import run_lease
from train.presets import RECIPES

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
console = Console()


@app.command("pack")
def pack(
    net: Annotated[str, typer.Argument(metavar="NET", help=f"What will be trained: {', '.join(RECIPES)}.")],
    data: Annotated[list[Path], typer.Option(help="Folder of rendered shards; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder.")],
    max_mb: Annotated[float, typer.Option(help="Largest size of the folder in MB (10^6 bytes).")] = 60.0,
    recogniser: Annotated[Path | None, typer.Option(help="Run folder of a recogniser for the losses.")] = None,
    landmarks: Annotated[Path | None, typer.Option(help="Run folder of a landmark net for the losses.")] = None,
    start: Annotated[Path | None, typer.Option(help="Run folder of the stage before.")] = None,
    seed: Annotated[int, typer.Option(help="Which shards are taken.")] = 0,
) -> None:
    """Make a small folder of everything that a training elsewhere needs."""
    runs = {"recogniser": recogniser, "landmarks": landmarks, "start": start}
    console.print(f"{out}: {pack_lease(net, data, out, int(max_mb * 1e6), runs, seed)}", soft_wrap=True)


@app.command("run")
def run(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `pack` made.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is brought back: at most eight files.")],
    work: Annotated[Path, typer.Option(help="Folder for pictures and states, on that machine.")] = Path("lease-work"),
    minutes: Annotated[float, typer.Option(help="Time in all.")] = 25.0,
    preset: Annotated[str, typer.Option(help="Sizes of the network and settings of its training.")] = "nano",
    batch_size: Annotated[int | None, typer.Option(help="Samples a step; default: the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Default: the preset's.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that draw batches.")] = 12,
    compile: Annotated[bool, typer.Option("--compile/--no-compile", help="torch.compile the network.")] = False,
    max_mb: Annotated[float, typer.Option(help="Largest size of what is brought back in MB.")] = 64.0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train for some minutes; the same command goes on with what the work folder holds."""
    lease = run_lease(
        bundle, out, work, minutes, preset, batch_size, learning_rate, workers, compile, int(max_mb * 1e6), seed
    )
    console.print_json(json.dumps(lease))


def main() -> None:
    """Runs the command line; an expected error is one message and its exit code."""
    try:
        app()
    except FacesdkError as error:
        typer.echo(f"train.gpu_lease: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
