"""`facesdk verify`: whether a picture or film says that a trained algorithm made or changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MEANINGS = {
    "compositeWithTrainedAlgorithmicMedia": "a trained algorithm changed parts of it",
    "trainedAlgorithmicMedia": "a trained algorithm made it",
}


def verify(file: Annotated[str, typer.Argument(metavar="FILE", show_default=False)]) -> None:
    """Read the label of a picture or film back. Exit code 1 if it has none."""
    from facesdk.media.video_sniff import is_video_file
    from facesdk.provenance.film import read_film_label
    from facesdk.provenance.label import read_label

    if is_video_file(Path(file)):
        label, where = read_film_label(Path(file)) or (None, "")
    else:
        label, where = read_label(file), "XMP"
    if label is None:
        typer.echo(f"{file}: no label of generated content was found. That does not prove that it is genuine.")
        raise typer.Exit(1)
    term = label.rsplit("/", 1)[-1]
    field = "XMP Iptc4xmpExt:DigitalSourceType" if where == "XMP" else "tag DIGITAL_SOURCE_TYPE"
    typer.echo(f"{file}: {MEANINGS.get(term, 'another kind of source')}\n  {field} = {label}")
