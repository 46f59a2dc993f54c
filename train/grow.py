"""Grows a trained net into a larger preset that computes the same, for a training that starts from there.

    python -m train.grow RUN --preset nano -o OUT

A larger net from scratch spends most of its training on what the smaller one knows already.
Source: Chen et al. 2016, Net2Net (arXiv:1511.05641), with new channels that nobody reads yet in place of copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from facesdk.errors import FacesdkError, InputError
from train.checkpoint import config_dict, load_model, save_weights
from train.models.layers import ResidualBlock
from train.presets import RECIPES


def grow(small: nn.Module, large: nn.Module) -> None:
    """Puts a net's weights into one with more channels and more residual blocks, which then computes the same.

    Channels keep their places at the front of each axis; what is new is as initialised, but nothing old reads it. New
    residual blocks add nothing to their shortcuts. Both change with the first steps.

    Args:
        small: trained.
        large: of the same class, no axis smaller, freshly initialised; changed in place.

    Raises:
        InputError: a tensor of the small net is missing in the large one or larger than there.
    """
    old, new = small.state_dict(), large.state_dict()
    for name, value in old.items():
        if (
            name not in new
            or value.dim() != new[name].dim()
            or any(a > b for a, b in zip(value.shape, new[name].shape))
        ):
            found = tuple(new[name].shape) if name in new else "nothing"
            raise InputError(
                f"cannot grow: {name} is {tuple(value.shape)} in the run and {found} in the preset.",
                "Grow into a preset that has all layers of the run and no narrower ones.",
            )
        _put(new[name], value)
    large.load_state_dict(new)
    for name, module in large.named_modules():
        if isinstance(module, ResidualBlock) and f"{name}.norm2.weight" not in old:
            nn.init.zeros_(module.norm2.weight)


def _put(into: Tensor, value: Tensor) -> None:
    """The front of `into` becomes `value`; where rows of it would read new channels, they read nothing."""
    if value.dim() >= 2:
        into[: value.shape[0], value.shape[1] :] = 0
    into[tuple(slice(n) for n in value.shape)] = value


def main(
    run: Annotated[Path, typer.Argument(help="Run folder of the smaller net.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    preset: Annotated[str, typer.Option(help="Preset of the larger one.")] = "nano",
    seed: Annotated[int, typer.Option(help="Of what is new.")] = 0,
) -> None:
    """Writes a run folder with the larger net, to be given as --start."""
    try:
        small, record = load_model(run)
        presets = RECIPES[record["net"]][1] if record["net"] in RECIPES else {}
        if preset not in presets:
            raise InputError(f"{record['net']} has no preset {preset!r}: expected one of {', '.join(presets)}.")
        torch.manual_seed(seed)
        large = type(small)(presets[preset])
        grow(small, large)
    except FacesdkError as error:
        typer.echo(f"grow: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    grown = {**record, "preset": preset, "config": config_dict(presets[preset]), "metrics": {}}
    save_weights(out, large.state_dict(), grown)
    counts = (sum(p.numel() for p in net.parameters()) for net in (small, large))
    typer.echo("{:,} -> {:,} parameters".format(*counts))


if __name__ == "__main__":
    typer.run(main)
