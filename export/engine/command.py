"""python -m export engine: engines for GPUs, built without one, or on this machine for its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from export.assemble import PackOptions, assemble
from export.engine.pack import EngineOptions, EngineRow, Reporter, add_engines
from export.engine.store import store_engines
from export.engine.tensorrt import gpu_here
from export.engine.to_engine import EngineLimits, find_target
from export.families.by_name import FAMILIES, trained_family, untrained_family
from facesdk.errors import InputError
from facesdk.pack import Pack, open_pack
from facesdk.runtime.engine_cache import EngineCache
from facesdk.settings import Settings

# Three engines of the largest preset are above a gigabyte.
MAX_PACK_BYTES = 8_000_000_000
# How the name of a pack starts whose weights are random.
UNTRAINED = "untrained-"


def engine(
    subject: Annotated[str, typer.Argument(metavar="PACK|FAMILY", help=f"A pack, or one of {', '.join(FAMILIES)}.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The pack with the engines; may be the pack itself. For rtx.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Runtime to build for: rtx, or tensorrt for this machine's GPU alone.")
    ] = "rtx",
    gpus: Annotated[
        str,
        typer.Option(help="Compute capabilities, with commas; by default sm86,sm89,sm120, for tensorrt the GPU here."),
    ] = "",
    preset: Annotated[str, typer.Option(help="Sizes of a family's networks.")] = "paper",
    weights: Annotated[Path | None, typer.Option(help="Run folder of a family, or the folder of its runs.")] = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="A family with weights as before training, to plan a preset.")
    ] = False,
    graph: Annotated[list[str] | None, typer.Option(help="Only this family.graph; may be repeated.")] = None,
    # At 4 the paper decoder plans 612 MB of activations, at 1 a quarter of that.
    max_batch: Annotated[int, typer.Option(min=1, help="Greatest batch of one run; larger ones run in pieces.")] = 1,
    max_side: Annotated[int, typer.Option(min=64, help="Greatest side of pictures of any size (detector).")] = 640,
    memory_gb: Annotated[float, typer.Option(help="Most memory of one build, in 10^9 bytes.")] = 12.0,
    seconds: Annotated[float, typer.Option(help="Longest time of one build.")] = 900.0,
) -> None:
    """Build engines for GPUs from a pack's graphs.

    For rtx on any CPU and into the pack; for tensorrt on this machine's GPU and into its own cache.
    """
    builder = find_target(target)
    # What is missing is said before a family is traced for minutes.
    builder.version()
    options = EngineOptions(
        target=builder,
        gpus=tuple(gpus.split(",")) if gpus else builder.usual_gpus,
        max_batch=max_batch,
        side_range=(64, max_side, max_side),
        limits=EngineLimits(int(memory_gb * 1e9), seconds),
        graphs=tuple(graph) if graph else None,
    )
    if builder.local:
        _build_local(subject, out, options, weights is not None or random_weights)
        return
    if out is None:
        raise InputError("No folder for the pack with the engines.", "Name it with -o; it may be the pack itself.")
    if subject not in FAMILIES:
        if weights is not None or random_weights:
            raise InputError(f"{subject} is no family, so --weights and --random-weights say nothing.")
        _report(_build(open_pack(subject), out, options), out)
        return
    if (weights is None) == (not random_weights):
        raise InputError(
            f"The family {subject} needs its networks: either --weights or --random-weights.",
            "Name a run folder, or take random weights to plan the preset.",
        )
    before = open_pack(out) if out.exists() else None
    if before is not None and before.name.startswith(UNTRAINED) != (weights is None):
        raise InputError(
            f"{out} is the pack {before.name}: trained and random weights never go into one pack.",
            "Name a new folder for -o.",
        )
    family = untrained_family(subject, preset) if weights is None else trained_family(subject, weights, preset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".engine-", dir=out.parent) as name:
        traced = Path(name) / "pack"
        # Of random weights parity says nothing about trained ones, and at this size it takes minutes.
        backends = None if weights is not None else ()
        pack_name = before.name if before else f"{UNTRAINED if weights is None else ''}{preset}"
        if before is not None:
            shutil.copytree(before.path, traced)
        with Console().status("Tracing"):
            assemble(
                [family],
                traced,
                PackOptions(pack_name, preset=preset, backends=backends, max_bytes=MAX_PACK_BYTES),
            )
        if options.graphs is None:
            options = replace(options, graphs=tuple(graph.key for graph in family.graphs))
        rows = _build(Pack(traced), out, options, replaces=before is not None)
    _report(rows, out)


def engine_table(rows: Sequence[EngineRow]) -> Table:
    """What was built, in MB of 10^6 bytes."""
    table = Table(title="Engines")
    for column in ("graph", "GPUs"):
        table.add_column(column, no_wrap=True)
    for column in ("batch", "build s", "build GB", "engine MB", "weights MB", "activations MB", "half", "error"):
        table.add_column(column, justify="right")
    for row in rows:
        built = row.built
        table.add_row(
            row.graph,
            " ".join(row.spec.gpus),
            str(row.spec.profile.get("batch", (1, 1, 1))[2]),
            f"{built.seconds:.1f}",
            f"{built.peak_bytes / 1e9:.2f}",
            f"{len(built.data) / 1e6:.2f}",
            f"{built.weights_bytes / 1e6:.2f}",
            f"{built.activation_bytes / 1e6:.2f}",
            f"{built.half_share:.0%}",
            "-" if row.error is None else f"{row.error:.1e}",
        )
    return table


def _build(pack: Pack, out: Path, options: EngineOptions, replaces: bool = False) -> list[EngineRow]:
    with _bars() as reporter:
        return add_engines(pack, out, options, reporter, replaces)


def _build_local(subject: str, out: Path | None, options: EngineOptions, has_weights: bool) -> None:
    if subject in FAMILIES or out is not None or has_weights:
        raise InputError(
            f"Engines of {options.target.name} run on this machine alone: built of a pack, they go into none.",
            "Export the family first; then name the pack, without -o, --weights and --random-weights.",
        )
    with _bars() as reporter:
        cache = EngineCache.of(Settings.from_environment())
        rows = store_engines(open_pack(subject), options, reporter, cache, gpu_here())
    console = Console()
    console.print(engine_table(rows))
    console.print(f"{len(rows)} engines, for this machine and its GPU; backend='auto' takes them from now on.")


@contextmanager
def _bars() -> Iterator[Reporter]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bars:

        def reporter(name: str):  # type: ignore[no-untyped-def]
            task = bars.add_task(name, total=None)

            def show(phase: str, step: int, steps: int) -> None:
                bars.update(task, description=f"{name}: {phase}", completed=step, total=steps or None)

            return show

        yield reporter


def _report(rows: Sequence[EngineRow], out: Path) -> None:
    console = Console()
    console.print(engine_table(rows))
    size = sum(len(row.built.data) for row in rows)
    console.print(f"{out}: {len(rows)} engines, {size / 1e6:.1f} MB", soft_wrap=True)
