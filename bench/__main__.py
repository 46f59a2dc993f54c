"""python -m bench: measured figures with the machine, versions and commit beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from bench.batches import crowd_report, measure_crowd
from bench.film_batches import film_report, measure_film
from bench.gate import require_tests
from bench.generation import GATE as GENERATION_GATE
from bench.generation import generation_report, measure_generation
from bench.live import GATE as LIVE_GATE
from bench.live import live_report, measure_live
from bench.live_soak import measure_soak, soak_report
from bench.openvino_op import GATE as OPENVINO_GATE
from bench.openvino_op import openvino_report
from bench.ops import GATE as OPS_GATE
from bench.ops import measure_ops
from bench.ops_cuda import GATE as CUDA_GATE
from bench.ops_cuda import measure_ops_cuda
from bench.peers import GATE as PEERS_GATE
from bench.peers import measure_peers, peer_report
from bench.pipelines import GATE, check_pack, measure_swap, swap_report
from bench.quality.command import app as quality_app
from bench.scene import crowd_frame, full_frame, source_picture, target_frame
from bench.train_commands import ablation, training
from bench.trust.command import trust
from facesdk.errors import FacesdkError
from facesdk.ops.cuda import native_cuda
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.latent_flow import FAMILY
from facesdk.runtime.openvino_extension import own_layers
from facesdk.runtime.select import available_backends

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Measure quality, speed and promises; nothing is timed before its tests have passed.",
)
app.add_typer(quality_app, name="quality")
app.command("training")(training)
app.command("ablation")(ablation)
app.command("trust")(trust)
console = Console()

PackOption = Annotated[str, typer.Option("--pack", help="A pack's name or folder.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")]
Rounds = Annotated[int, typer.Option(min=5, help="Measured runs for each backend.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads per network.")]
Backend = Annotated[list[str] | None, typer.Option(help="A backend; may be repeated. Default: all that work here.")]


@app.command("pipelines")
def pipelines(
    pack: PackOption = "nano",
    source: Annotated[Path | None, typer.Option(help="Whose face; default: a rendered person.")] = None,
    target: Annotated[Path | None, typer.Option(help="The picture; default: a rendered person.")] = None,
    backend: Backend = None,
    rounds: Rounds = 30,
    threads: Threads = 2,
    json: Json = None,
) -> None:
    """One swap of a 1280x720 picture, stage by stage, and one generated face, on every backend in the same run."""
    opened, backends, tests = _ready(pack, backend)
    bench = measure_swap(opened, source_picture(source), target_frame(target), backends, rounds, threads)
    report = swap_report(bench, opened, tests, rounds)
    if target is None:
        crowd = measure_crowd(opened, source_picture(source), crowd_frame(), bench.fastest, rounds, threads)
        film = measure_film(opened, source_picture(source), target_frame(), bench.fastest, max(5, rounds // 3), threads)
        report = report.joined(crowd_report(crowd)).joined(film_report(film))
    if FAMILY in opened.manifest.families:
        with console.status("Running the tests of the generator"):
            tests = require_tests(GENERATION_GATE)
        faces = measure_generation(opened, backends, rounds, threads)
        report = report.joined(generation_report(faces, opened, tests, rounds))
    report.show(console, json)


@app.command("backends")
def backends(
    pack: PackOption = "nano",
    family: Annotated[str | None, typer.Option(help="A family with random weights, in place of a pack.")] = None,
    preset: Annotated[str, typer.Option(help="Of the family.")] = "paper",
    size: Annotated[
        list[int] | None, typer.Option(help="Side of a swap's result; repeated. Default: 256, 1024.")
    ] = None,
    backend: Backend = None,
    rounds: Annotated[int, typer.Option(min=5, help="Measured runs of each.")] = 7,
    threads: Threads = 2,
    compile: Annotated[bool, typer.Option("--compile", help="torch.compile too, for a family; takes minutes.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="What a pack's swap would gain by int8, too.")] = False,
    json: Json = None,
    plot: Annotated[Path | None, typer.Option(help="Write the roofline plot here, a PNG.")] = None,
) -> None:
    """Every graph on every backend against plain ONNX Runtime, under the machine's ceilings; a family's swap whole."""
    # torch: only who measures it waits for it.
    from bench.backends.command import measure_backends

    opened, chosen, tests = _ready(pack, backend)
    subject = opened if family is None else family
    bench = measure_backends(subject, preset, size, chosen, rounds, threads, compile, tests, int8)
    bench.report().show(console, json)
    if plot is not None:
        bench.write_plot(plot)
        console.print(f"Written to {plot}", soft_wrap=True)


@app.command("parity")
def parity(
    pack: PackOption = "nano",
    family: Annotated[str | None, typer.Option(help="A family with random weights, in place of a pack.")] = None,
    preset: Annotated[str, typer.Option(help="Of the family.")] = "paper_256",
    backend: Backend = None,
    faces: Annotated[int, typer.Option(min=2, help="Rendered people whose faces are swapped.")] = 4,
    json: Json = None,
) -> None:
    """How far every backend, and float16, is from float32: graph by graph, and the final picture of a swap."""
    from bench.parity import measure_parity
    from export.families.by_name import untrained_family

    chosen = tuple(backend) if backend else available_backends()
    subject = open_pack(pack) if family is None else untrained_family(family, preset)
    report = measure_parity(subject, chosen, faces)
    report.show(console, json)
    if not report.ok:
        raise typer.Exit(1)


@app.command("peers")
def peers(
    pack: PackOption = "nano",
    backend: Annotated[str, typer.Option(help="What the networks run on.")] = "auto",
    rounds: Rounds = 30,
    threads: Annotated[int, typer.Option(min=1, help="Threads of OpenCV and of the native ops.")] = 2,
    json: Json = None,
) -> None:
    """Everything around the networks of a swap, against insightface's INSwapper.get around the same ones."""
    with console.status("Running the tests of what is timed"):
        tests = require_tests(PEERS_GATE)
    opened = open_pack(pack)
    bench = measure_peers(opened, source_picture(), full_frame(), backend, rounds, threads)
    peer_report(bench, opened, tests, rounds).show(console, json)


@app.command("ops")
def ops(
    rounds: Rounds = 60,
    threads: Annotated[int, typer.Option(min=1, help="Threads per op, on the CPU.")] = 1,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Which ops.")] = "cpu",
    json: Json = None,
) -> None:
    """Every native op against what a user has instead, in the same run."""
    if device == "cuda":
        native_cuda()
        with console.status("Running the tests of what is timed"):
            tests = require_tests(CUDA_GATE)
        measure_ops_cuda(rounds, tests).show(console, json)
        return
    with console.status("Running the tests of what is timed"):
        tests = require_tests((*OPS_GATE, *OPENVINO_GATE))
    report = measure_ops(rounds, threads, tests)
    decoders = openvino_report(rounds)
    if decoders is None:
        console.print(f"The decoders with facesdk::StyleLayer are not measured: {own_layers().reason}.", soft_wrap=True)
    (report if decoders is None else report.joined(decoders)).show(console, json)


@app.command("live")
def live(
    pack: PackOption = "nano",
    source: Annotated[Path | None, typer.Option(help="Whose face; default: a rendered person.")] = None,
    target: Annotated[Path | None, typer.Option(help="The picture that moves; default: a rendered person.")] = None,
    frames: Annotated[int, typer.Option(min=100, help="Frames over which memory is watched.")] = 3000,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each run against the clock.")] = 15.0,
    backend: Annotated[str, typer.Option(help="Runtime backend.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads per network; default: as webcam.")] = None,
    soak: Annotated[bool, typer.Option("--soak", help="Memory only, over many small frames.")] = False,
    json: Json = None,
) -> None:
    """The live swap at 1280x720: frames a second, capture to display, each stage, memory."""
    opened = open_pack(pack)
    with console.status("Running the tests of what is timed"):
        tests = require_tests(LIVE_GATE)
    if soak:
        memory = measure_soak(opened, source_picture(source), target_frame(target), frames, backend, threads)
        soak_report(memory, opened, tests).show(console, json)
        return
    bench = measure_live(opened, source_picture(source), target_frame(target), frames, seconds, backend, threads)
    live_report(bench, opened, tests).show(console, json)


@app.command("kill9")
def kill9(
    pack: PackOption = "nano",
    moments: Annotated[int, typer.Option(min=1, help="Kills at random moments.")] = 50,
    seconds: Annotated[float, typer.Option(min=2, help="Length of the film.")] = 6.0,
    backend: Annotated[str, typer.Option(help="Runtime backend.")] = "auto",
    json: Json = None,
) -> None:
    """kill -9 while a film is swapped: what is lost, and whether the resumed file is the same."""
    # PyAV: only who measures films waits for it.
    from bench.kill9 import show_kills

    show_kills(open_pack(pack), moments, seconds, backend, console.print).show(console, json)


def _ready(pack: str, backend: list[str] | None) -> tuple[Pack, tuple[str, ...], str]:
    """Opens the pack, and lets nobody time what is not right."""
    opened = open_pack(pack)
    chosen = tuple(backend) if backend else available_backends()
    with console.status("Running the tests of what is timed"):
        tests = require_tests(GATE)
        check_pack(opened, chosen)
    return opened, chosen, tests


def main() -> None:
    """Runs the command line; an expected error is one message and its exit code."""
    try:
        app()
    except FacesdkError as error:
        Console(stderr=True, soft_wrap=True).print(f"Error: {error}", style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
