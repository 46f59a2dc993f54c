"""python -m bench trust: the parts that were asked for, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()


def trust(
    part: Annotated[list[str] | None, typer.Option(help="A part; may be repeated. Default: all.")] = None,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures to mark and attack.")] = 200,
    directory: Annotated[Path, typer.Option(help="Where rendered test pictures are kept.")] = Path("data/bench"),
    count: Annotated[int | None, typer.Option(min=1, help="Tries of each count, for a quick look.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole numbers of the promises: an hour.")] = False,
    rounds: Annotated[int, typer.Option(min=5, help="Measured runs of each timing.")] = 15,
    json: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """The promises about marks, consent, packs, hostile inputs, faults and silence, each with what was measured."""
    # Its pictures need the renderer: only who measures them waits for it.
    from bench.trust.parts import measure_trust
    from bench.trust.sample import TrustSample

    sample = TrustSample(directory=directory, pictures=pictures, rounds=rounds)
    sample = sample.whole() if full else sample
    measure_trust(part, sample if count is None else sample.at_most(count)).show(console, json)
