"""python -m bench quality FAMILY: one table, a JSON file and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.report import BenchReport
from facesdk.errors import InputError
from facesdk.media.sink import check_writable, save_image, write_atomic
from facesdk.pack import open_pack
from facesdk.provenance.mark import label_format, mark
from train.data.face_world.head import available_heads
from train.data.face_world.sample import HEADS
from train.data.face_world.types import HeadName

app = typer.Typer(no_args_is_help=True, help="Quality on people that training never saw.")
console = Console()

PackOption = Annotated[str, typer.Option("--pack", help="A pack's name or folder.")]
Data = Annotated[Path, typer.Option(help="Folder that keeps the rendered test set; made on first use.")]
Heads = Annotated[str | None, typer.Option(help="Head models: own, facekit or both with a comma. Default: all here.")]
Seed = Annotated[int, typer.Option(help="Of the test set.")]
Backend = Annotated[str, typer.Option(help="Runtime backend.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that render.")]
Judge = Annotated[Path | None, typer.Option(help="Run folder of the judge; default: the repository's.")]
Attributes = Annotated[
    Path | None, typer.Option(help="Run folder of the attribute classifier; default: the repository's.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")]
Sheet = Annotated[Path | None, typer.Option(help="Write a picture of examples here, a PNG.")]
DATA = Path("data/bench")


@app.command("style_swap")
def style_swap(
    pack: PackOption = "nano",
    data: Data = DATA,
    heads: Heads = None,
    judge: Judge = None,
    attributes: Attributes = None,
    triplets: Annotated[int, typer.Option(min=1, help="Swaps.")] = 160,
    identities: Annotated[int, typer.Option(help="Test people, the size of the gallery.")] = 100,
    seed: Seed = 7,
    backend: Backend = "auto",
    workers: Workers = 2,
    json: Json = None,
    sheet: Sheet = None,
) -> None:
    """The swap against the exact swap that only a rendered world has, with baselines in the same table."""
    # torch: only who measures quality waits for it.
    from bench.quality.judge import JUDGE, load_judge
    from bench.quality.style_swap import measure_swaps
    from bench.quality.swap_readers import load_readers
    from bench.quality.test_set import SwapSetOptions

    if sheet is not None:
        label_format(check_writable(sheet))
    options = SwapSetOptions(parse_heads(heads), identities, triplets, seed)
    embed, readers = load_judge(judge or JUDGE), load_readers(judge, attributes)
    result = measure_swaps(open_pack(pack), data, options, embed, backend, workers, readers)
    if sheet is not None:
        # It shows pictures that a network made.
        mark(result.sheet, "swap").save(sheet)
    _show(result.report, json, sheet)


@app.command("shape_reader")
def shape_reader(
    train: Annotated[list[Path], typer.Option(help="Folder of rendered swap pictures; repeated.")],
    judge: Judge = None,
    pictures: Annotated[int, typer.Option(min=200, help="Pictures at most, drawn from all folders alike.")] = 12_000,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Fit what reads a head's shape off the judge's embedding; it is kept beside the judge."""
    from bench.quality.fit_reader import fit_from_folders
    from bench.quality.judge import JUDGE
    from bench.quality.shape_reader import save_shape_reader

    reader = fit_from_folders(train, judge or JUDGE, pictures, seed)
    path = save_shape_reader(judge or JUDGE, reader)
    console.print(f"{path}: correlation {reader.held_out:.3f} on people whom the fit left out", soft_wrap=True)


@app.command("faces")
def faces(
    pack: PackOption = "nano",
    data: Data = DATA,
    heads: Heads = None,
    identities: Annotated[int, typer.Option(help="Test people.")] = 80,
    pictures: Annotated[int, typer.Option(min=1, help="Rendered pictures of each kind.")] = 480,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes for the detector.")] = 480,
    seed: Seed = 7,
    backend: Backend = "auto",
    workers: Workers = 2,
    json: Json = None,
    sheet: Sheet = None,
) -> None:
    """Detector, landmarks, recogniser and parser on test people, and one photograph."""
    from bench.quality.face_set import FaceSetOptions
    from bench.quality.faces import measure_faces

    if sheet is not None:
        check_writable(sheet)
    options = FaceSetOptions(parse_heads(heads), identities, pictures, seed)
    result = measure_faces(open_pack(pack), data, options, backend, workers, scenes)
    if sheet is not None:
        save_image(sheet, result.sheet, metadata=None)
    _show(result.report, json, sheet)


@app.command("latent_flow")
def latent_flow(
    train: Annotated[list[Path], typer.Option(help="Folder of pictures that the pack was trained on; repeated.")],
    pack: PackOption = "nano",
    data: Data = DATA,
    heads: Heads = None,
    judge: Judge = None,
    attributes: Attributes = None,
    vae: Annotated[Path | None, typer.Option(help="Run folder of another VAE to put beside the pack's.")] = None,
    identities: Annotated[int, typer.Option(help="Test people.")] = 250,
    pictures: Annotated[int, typer.Option(min=1, help="Rendered pictures of them.")] = 1024,
    samples: Annotated[int, typer.Option(min=4, help="Samples of the figures that have bounds.")] = 5000,
    grid: Annotated[int, typer.Option(min=4, help="Samples of each solver with each number of steps.")] = 2000,
    seed: Seed = 7,
    backend: Backend = "auto",
    workers: Workers = 2,
    json: Json = None,
    sheets: Annotated[Path | None, typer.Option(help="Folder for pictures to look at and the plots, PNG.")] = None,
) -> None:
    """Reconstructions, samples and wishes of the generator, by solver and number of steps."""
    from bench.quality.generator.amounts import Amounts
    from bench.quality.generator.attribute_scores import ATTRIBUTE_JUDGE, load_attribute_judge
    from bench.quality.generator.features import JudgeFeatures
    from bench.quality.generator.pictures import GeneratorSetOptions
    from bench.quality.judge import JUDGE
    from bench.quality.latent_flow import measure_generator

    if sheets is not None:
        check_writable(sheets / "samples.png")
    options = GeneratorSetOptions(parse_heads(heads), identities, pictures, seed)
    classify = load_attribute_judge(attributes or ATTRIBUTE_JUDGE)
    amounts = Amounts(samples=samples, grid=min(grid, samples))
    result = measure_generator(
        open_pack(pack), data, train, options, JudgeFeatures(judge or JUDGE), classify, amounts, vae, backend, workers
    )
    console.print(result.sweep)
    if sheets is not None:
        for name, sheet in result.sheets.items():
            mark(sheet, "generate").save(sheets / f"{name}.png")
        for name, plot in result.plots.items():
            write_atomic(sheets / f"{name}.png", plot)
    _show(result.report, json, sheets)


@app.command("resemblance")
def resemblance(
    pack: PackOption = "nano",
    data: Data = DATA,
    heads: Heads = None,
    judge: Judge = None,
    people: Annotated[int, typer.Option(min=2, help="People to ask for at most.")] = 60,
    seed: Seed = 7,
    backend: Backend = "auto",
    workers: Workers = 2,
    json: Json = None,
) -> None:
    """Generated faces that were asked to resemble somebody: is the person found again, and against which chance."""
    from bench.quality.face_set import FaceSetOptions
    from bench.quality.judge import JUDGE, load_judge
    from bench.quality.resemblance import measure_resemblance

    options = FaceSetOptions(parse_heads(heads), seed=seed)
    report = measure_resemblance(open_pack(pack), data, options, load_judge(judge or JUDGE), people, backend, workers)
    _show(report, json, None)


@app.command("limits")
def limits(
    data: Annotated[Path, typer.Option(help="Folder of rendered swap pictures with a validation split.")],
    pack: PackOption = "nano",
    judge: Judge = None,
    pairs: Annotated[int, typer.Option(min=1, help="Swaps.")] = 1500,
    backend: Backend = "auto",
    json: Json = None,
) -> None:
    """How near the swap's points could come to the exact swap's with all that its readers know, and with the truth."""
    from bench.quality.judge import JUDGE, load_judge
    from bench.quality.limits import measure_limits

    _show(measure_limits(open_pack(pack), data, load_judge(judge or JUDGE), pairs, backend), json, None)


@app.command("video")
def video(pack: PackOption = "nano", backend: Backend = "auto", json: Json = None) -> None:
    """Jitter, lag and flicker of films, and whether numbers stay with their people."""
    from bench.quality.video import measure_steadiness
    from bench.scene import source_picture

    _show(measure_steadiness(open_pack(pack), source_picture(), backend), json, None)


def parse_heads(text: str | None) -> tuple[HeadName, ...]:
    """Head models from a list with commas; None = all that can be built here.

    Raises:
        InputError: an unknown name.
    """
    if text is None:
        return available_heads()
    wanted = {part.strip() for part in text.split(",")}
    unknown = sorted(wanted - set(HEADS))
    if unknown:
        raise InputError(f"--heads {', '.join(unknown)} is not known.", f"Use one of {', '.join(HEADS)}.")
    return tuple(head for head in HEADS if head in wanted)


def _show(report: BenchReport, json: Path | None, sheet: Path | None) -> None:
    report.show(console, json)
    if sheet is not None:
        console.print(f"Written to {sheet}: look at it.")
    missed = [figure.name for figure in report.figures if figure.ok is False]
    console.print(f"{len(missed)} of {sum(f.must is not None for f in report.figures)} musts are missed.")
