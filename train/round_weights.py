"""Rounds one part of a net to int8, as a pack stores it, so that later stages train beside what will be shipped.

    python -m train.round_weights RUN --part shape -o OUT

For a part that no later stage changes and whose last digits matter: rounded at the export, it would lead networks that
were trained with other numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from facesdk.errors import FacesdkError, InputError
from train.checkpoint import load_model, save_weights
from train.int8 import rounded


@torch.no_grad()
def round_weights(part: nn.Module) -> int:
    """Rounds all matrices and filters of a module in place; vectors keep their digits.

    Returns:
        How many there were.
    """
    weights = [weight for weight in part.parameters() if weight.dim() > 1]
    for weight in weights:
        weight.copy_(rounded(weight))
    return len(weights)


def main(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    part: Annotated[str, typer.Option(help="Name of the part within the network, as in its state; shape, for one.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
) -> None:
    """Writes a run folder in which one part's matrices are what int8 makes of them."""
    try:
        network, record = load_model(run)
        parts = dict(network.named_modules())
        if not part or part not in parts:
            names = ", ".join(name for name, _ in network.named_children())
            raise InputError(f"{run.name} has no part {part!r}: it has {names}.", "Name a part of the network.")
        if round_weights(parts[part]) == 0:
            raise InputError(f"{part!r} of {run.name} has no matrices.", "Name a part with layers in it.")
        note = [*record["data"].get("rounded", []), part]
        save_weights(out, network.state_dict(), {**record, "data": {**record["data"], "rounded": note}})
    except FacesdkError as error:
        typer.echo(f"round_weights: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    typer.run(main)
