"""`facesdk swap`: put a face onto faces of a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from facesdk.commands.options import Backend, Basis, MinFace, Pack, Who, read_consent
from facesdk.errors import InputError


def swap(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... TARGET",
            help="SOURCE: me.identity, ann.identity:0 (the face that it goes to), or pictures with --consent.",
            show_default=False,
        ),
    ],
    out: Annotated[str, typer.Option("-o", "--out", help="The picture to write.", show_default=False)],
    faces: Annotated[
        str | None,
        typer.Option(
            "--faces",
            "--face",
            help='largest, all, left, right, a number (0 is the leftmost face), or "like PICTURE". Default: largest',
            show_default=False,
        ),
    ] = None,
    consent: Basis = None,
    who: Who = None,
    min_face: MinFace = None,
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Put a face onto faces of a picture. The result carries the label that it was made by a trained algorithm."""
    from facesdk.api import FaceSwapper
    from facesdk.commands.report import swap_lines
    from facesdk.commands.sources import parse_source, read_sources
    from facesdk.identity import Identity
    from facesdk.media.image import load_image
    from facesdk.media.sink import check_writable
    from facesdk.provenance.mark import label_format

    if len(paths) < 2:
        raise InputError("swap needs a source and a target.", "Example: facesdk swap me.identity party.jpg -o out.jpg")
    sources, target = [parse_source(text) for text in paths[:-1]], paths[-1]
    # Everything that can be refused is refused before a network is loaded.
    label_format(Path(out))
    check_writable(out)
    if os.path.exists(out) and os.path.exists(target) and os.path.samefile(out, target):
        raise InputError(f"{out} is the target itself, and would be overwritten.", "Choose another name for -o.")
    stated = None if all(source.is_identity for source in sources) else read_consent(consent, who)
    picture = load_image(target)
    with FaceSwapper(pack, backend) as swapper:

        def enrol(pictures: list[str]) -> Identity:
            return Identity.from_images(pictures, stated, analyzer=swapper.analyzer)

        pairs = read_sources(sources, faces, enrol)
        result = swapper.swap(picture, pairs, min_face=min_face, name=Path(target).name)
    result.save(out)
    for line in swap_lines(result, target, out):
        typer.echo(line)
