"""`facesdk verify`: whether a picture says that a trained algorithm made or changed it."""

from __future__ import annotations

from typing import Annotated

import typer

MEANINGS = {
    "compositeWithTrainedAlgorithmicMedia": "a trained algorithm changed parts of it",
    "trainedAlgorithmicMedia": "a trained algorithm made it",
}


def verify(file: Annotated[str, typer.Argument(metavar="PICTURE", show_default=False)]) -> None:
    """Read the label of a picture back. Exit code 1 if it has none."""
    from facesdk.provenance.label import read_label

    label = read_label(file)
    if label is None:
        typer.echo(f"{file}: no label of generated content was found. That does not prove that it is genuine.")
        raise typer.Exit(1)
    term = label.rsplit("/", 1)[-1]
    typer.echo(f"{file}: {MEANINGS.get(term, 'another kind of source')}\n  XMP Iptc4xmpExt:DigitalSourceType = {label}")
