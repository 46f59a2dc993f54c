"""Command line of the face world: python -m train.data.face_world render | sheet | inspect."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from facesdk.errors import FacesdkError, InputError
from train.data.face_world.sample import HEADS, SPLITS
from train.data.face_world.shard_options import KINDS, Kind, ShardOptions
from train.data.face_world.shards import read_world, write_shards
from train.data.face_world.sheet import classic_sheet, dataset_sheet, save_png, truth_sheet
from train.data.face_world.summary import summarize
from train.data.face_world.types import HeadName, Split

app = typer.Typer(add_completion=False, no_args_is_help=True, help="People who do not exist, with their exact truth.")
console = Console()


@app.command()
def render(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the data set.")],
    kind: Annotated[
        str, typer.Option(help="swap: aligned groups; portrait: single people; points: landmarks.")
    ] = "swap",
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    count: Annotated[int, typer.Option(help="Pictures, filled up to whole shards.")] = 960,
    size: Annotated[int, typer.Option(help="Side in pixels; 0 = 160 for portraits, 128 for others.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the data set.")] = 0,
    heads: Annotated[str, typer.Option(help="Head models, comma-separated: own, facekit.")] = "own",
    identities: Annotated[int, typer.Option(help="People of each head model; 0 = 4000 or the whole split.")] = 0,
    settings: Annotated[int, typer.Option(help="Settings that a set of people is rendered in.")] = 6,
    crop_scale: Annotated[float, typer.Option(help="Zoom of swap crops; < 1 shows more around the face.")] = 1.0,
    truth: Annotated[str, typer.Option(help="basic, or full: depth and normals too.")] = "basic",
    rich: Annotated[bool, typer.Option("--rich", help="Textured skin, clothes, hats, places, lenses.")] = False,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    sheet: Annotated[Path | None, typer.Option(help="Also draw the first pictures into this PNG.")] = None,
) -> None:
    """Render the shards of a data set that are not there yet."""
    if sheet is not None and kind == "points":
        raise InputError("points have no pictures to draw.", "Leave --sheet out.")
    if kind not in KINDS or split not in SPLITS or truth not in ("basic", "full"):
        raise InputError(f"render: kind {kind}, split {split}, truth {truth} is no choice.", "See render --help.")
    chosen = cast("Split", split)
    options = ShardOptions(
        kind=cast("Kind", kind),
        split=chosen,
        size=size or (160 if kind == "portrait" else 128),
        seed=seed,
        heads=parse_heads(heads),
        identities=identities or min(4000, len(SPLITS[chosen])),
        settings_per_set=settings,
        crop_scale=crop_scale,
        truth="full" if truth == "full" else "basic",
        richness="rich" if rich else "plain",
    )
    with Progress(
        TextColumn(options.name),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images  {task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("render", total=None, speed="")
        began, first = monotonic(), -1

        def progress(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            rate = (done - first) * options.images_per_shard / max(monotonic() - began, 1e-6)
            speed = f"{rate:.1f} images/s" if done > first else ""
            shard = options.images_per_shard
            bar.update(task, completed=done * shard, total=total * shard, speed=speed)

        report = write_shards(out, options, count, workers=workers, progress=progress)
    console.print(f"{out}: {report.written} shards written, {report.skipped} were there; {report.images} images.")
    if sheet:
        save_png(sheet, dataset_sheet(out, options.kind, options.split, rows=8, columns=12))
        console.print(f"{sheet}: look at it.")


@app.command("sheet")
def sheet_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write.")],
    seeds: Annotated[str, typer.Option(help="Identity seeds, comma-separated.")] = "3,15,28,45",
    heads: Annotated[str, typer.Option(help="Head models, comma-separated.")] = "own",
    size: Annotated[int, typer.Option(help="Side of a picture in pixels.")] = 256,
    quality: Annotated[str, typer.Option(help="train or full.")] = "train",
    strands: Annotated[int, typer.Option(help="Strands on the scalp.")] = 8000,
    rich: Annotated[bool, typer.Option("--rich", help="Each person twice: plain, and rich below.")] = False,
) -> None:
    """Draw a contact sheet: people in eight settings."""
    if quality not in ("train", "full"):
        raise InputError(f"quality {quality!r} is no choice.", "Choose train or full.")
    people = [int(part) for part in seeds.split(",")]
    shown = parse_heads(heads)
    save_png(out, classic_sheet(people, shown, size=size, quality=quality, hair_strands=strands, rich=rich))
    console.print(f"{out}: {len(people)} people of each head in 8 settings.")


@app.command()
def inspect(
    directory: Annotated[Path, typer.Argument(help="Folder of a data set.")],
    draw: Annotated[Path | None, typer.Option(help="Draw landmarks and parts into this PNG.")] = None,
) -> None:
    """Show what a data set holds."""
    world = read_world(directory)
    for name, entry in world["sets"].items():
        options = entry["options"]
        summary = summarize(directory, cast("Kind", options["kind"]), cast("Split", options["split"]))
        title = f"{name}: {summary.images} images, {summary.shards} shards, {summary.people} people"
        table = Table("field", "shape", "type", "range", title=f"{title}, {summary.groups} groups")
        for field in summary.fields:
            span = "" if field.low is None else f"{field.low:.4g} .. {field.high:.4g}"
            table.add_row(field.name, str(field.shape), field.dtype, span)
        console.print(table)
        console.print(", ".join(f"{key} {value}" for key, value in options.items()))
        if draw and summary.sample:
            target = draw if len(world["sets"]) == 1 else draw.with_stem(f"{draw.stem}-{name}")
            save_png(target, truth_sheet(summary.sample))
            console.print(f"{target}: look at it.")


def parse_heads(text: str) -> tuple[HeadName, ...]:
    """Head models from a comma-separated list.

    Raises:
        InputError: an unknown name.
    """
    names = tuple(part.strip() for part in text.split(","))
    unknown = [name for name in names if name not in HEADS]
    if unknown:
        raise InputError(f"head models {unknown} are not known.", f"Choose from {', '.join(HEADS)}.")
    return cast("tuple[HeadName, ...]", names)


def main() -> None:
    """Runs the command line; an error of ours is a message and an exit code, not a traceback."""
    try:
        app()
    except FacesdkError as error:
        console.print(f"[red]error:[/red] {error}")
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
