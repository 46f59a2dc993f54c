"""Mixes the weights of two runs of one net, of which one started from the other.

    python -m train.mix runs/swap runs/sharp --share 0.5 -o runs/mixed

Between a run that is faithful to its pairs and one that has a critic lies any trade of the two, and needs no training.
Source: Wang et al. 2018, section 3.4, network interpolation (arXiv:1809.00219).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from facesdk.errors import FacesdkError, InputError
from train.checkpoint import load_model, save_weights


def mixed(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights on the line between two states: share 0 gives the first, 1 the second; integers are the first's."""
    return {
        name: torch.lerp(value, second[name], share) if value.is_floating_point() else value
        for name, value in first.items()
    }


def main(
    first: Annotated[Path, typer.Argument(help="Run folder; its preset is kept.")],
    second: Annotated[Path, typer.Argument(help="Run folder that started from the first.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the second.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
) -> None:
    """Writes a run folder with weights between two runs."""
    try:
        (network, record), (other, beside) = load_model(first), load_model(second)
        if (record["net"], record["config"]) != (beside["net"], beside["config"]):
            raise InputError(
                f"cannot mix: {first} holds a {record['net']} and {second} a {beside['net']}, or their sizes differ.",
                "Give two runs of one net and one size, one of them started from the other.",
            )
        note = {"with": second.name, "preset": beside["preset"], "step": beside["step"], "share": share}
        weights = mixed(network.state_dict(), other.state_dict(), share)
        save_weights(out, weights, {**record, "data": {**record["data"], "mixed": note}, "metrics": {}})
    except FacesdkError as error:
        typer.echo(f"mix: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    typer.run(main)
