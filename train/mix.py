"""Mixes the weights of two runs of one net, of which one started from the other.

    python -m train.mix runs/swap runs/sharp --share 0.5 -o runs/mixed
    python -m train.mix runs/swap_later runs/sharp --since runs/swap --share 0.5 -o runs/mixed

Between a run that is faithful to its pairs and one that has a critic lies any trade of the two, and needs no training.
Nor does a later run of the first: what the critic taught since the second left the first is added to it.
Sources: Wang et al. 2018, section 3.4, network interpolation (arXiv:1809.00219); Ilharco et al. 2023, task arithmetic
(arXiv:2212.04089).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from facesdk.errors import FacesdkError, InputError
from train.checkpoint import load_model, save_weights


def mixed(
    first: dict[str, Tensor], second: dict[str, Tensor], share: float, since: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """A state moved by a share of what another learned.

    Args:
        first: state, whose integers are kept.
        second: state of the same net.
        share: of the way from `since` to `second`.
        since: where the second started; None for the first itself, between which and the second the result then lies.
    """
    begun = first if since is None else since
    return {
        name: value + share * (second[name] - begun[name]) if value.is_floating_point() else value
        for name, value in first.items()
    }


def main(
    first: Annotated[Path, typer.Argument(help="Run folder; its preset is kept.")],
    second: Annotated[Path, typer.Argument(help="Run folder that started from the first, or from --since.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of what the second learned.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    since: Annotated[
        Path | None, typer.Option(help="Run folder that the second started from, if the first has gone on since.")
    ] = None,
) -> None:
    """Writes a run folder with the first's weights and a share of what the second learned."""
    try:
        loaded = [load_model(run) for run in (first, second, since or first)]
        (_, record), (_, beside), _ = loaded
        for run, (_, other) in zip((second, since or first), loaded[1:], strict=True):
            if (record["net"], record["config"]) != (other["net"], other["config"]):
                raise InputError(
                    f"cannot mix: {first} holds a {record['net']} and {run} a {other['net']}, or their sizes differ.",
                    "Give runs of one net and one size, started from each other.",
                )
        note = {"with": second.name, "preset": beside["preset"], "step": beside["step"], "share": share}
        if since is not None:
            note["since"] = since.name
        states = [network.state_dict() for network, _ in loaded]
        weights = mixed(states[0], states[1], share, states[2])
        notes = [*record["data"].get("mixed", []), note]
        save_weights(out, weights, {**record, "data": {**record["data"], "mixed": notes}, "metrics": {}})
    except FacesdkError as error:
        typer.echo(f"mix: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    typer.run(main)
