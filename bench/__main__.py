"""python -m bench: measured figures with the machine, versions and commit beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.backends import graphs_report, measure_graphs
from bench.gate import require_tests
from bench.generation import GATE as GENERATION_GATE
from bench.generation import generation_report, measure_generation
from bench.ops import GATE as OPS_GATE
from bench.ops import measure_ops
from bench.pipelines import GATE, check_pack, measure_swap, swap_report
from bench.quality.command import app as quality_app
from bench.scene import source_picture, target_frame
from facesdk.errors import FacesdkError
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.latent_flow import FAMILY
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


@app.command("ops")
def ops(
    rounds: Rounds = 60, threads: Annotated[int, typer.Option(min=1, help="Threads per op.")] = 1, json: Json = None
) -> None:
    """Every native op against what a user has instead, in the same run."""
    with console.status("Running the tests of what is timed"):
        tests = require_tests(OPS_GATE)
    measure_ops(rounds, threads, tests).show(console, json)


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
