"""python -m bench: measured figures with the machine, versions and commit beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from bench.backends import graphs_report, measure_graphs
from bench.batches import crowd_report, measure_crowd
from bench.gate import require_tests
from bench.generation import GATE as GENERATION_GATE
from bench.generation import generation_report, measure_generation
from bench.live import GATE as LIVE_GATE
from bench.live import live_report, measure_live
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
from facesdk.errors import FacesdkError
from facesdk.ops.cuda import native_cuda
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.latent_flow import FAMILY
from facesdk.runtime.openvino_extension import own_layers
from facesdk.runtime.select import available_backends

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Measure; nothing is printed that is not right.")
app.add_typer(quality_app, name="quality")
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
        report = report.joined(crowd_report(crowd))
    if FAMILY in opened.manifest.families:
        with console.status("Running the tests of the generator"):
            tests = require_tests(GENERATION_GATE)
        faces = measure_generation(opened, backends, rounds, threads)
        report = report.joined(generation_report(faces, opened, tests, rounds))
    report.show(console, json)


@app.command("backends")
def backends(
    pack: PackOption = "nano",
    backend: Backend = None,
    rounds: Rounds = 20,
    threads: Threads = 2,
    json: Json = None,
) -> None:
    """Every graph of a pack on every backend in the same run."""
    opened, chosen, tests = _ready(pack, backend)
    timings = measure_graphs(opened, chosen, rounds, threads)
    graphs_report(timings, opened, threads, tests).show(console, json)


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
    json: Json = None,
) -> None:
    """The live swap at 1280x720: frames a second, capture to display, each stage, memory."""
    opened = open_pack(pack)
    with console.status("Running the tests of what is timed"):
        tests = require_tests(LIVE_GATE)
    bench = measure_live(opened, source_picture(source), target_frame(target), frames, seconds, backend, threads)
    live_report(bench, opened, tests).show(console, json)


@app.command("trust")
def trust(
    part: Annotated[list[str] | None, typer.Option(help="A part; may be repeated. Default: all.")] = None,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures to mark and attack.")] = 200,
    directory: Annotated[Path, typer.Option(help="Where rendered test pictures are kept.")] = Path("data/bench"),
    rounds: Rounds = 15,
    json: Json = None,
) -> None:
    """The promises about marks: what they survive, what they cost, and what fails."""
    # Its pictures need the renderer: only who measures them waits for it.
    from bench.trust import measure_trust

    measure_trust(part, directory, pictures, rounds).show(console, json)


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
