"""`facesdk swap`: put a face onto faces of pictures and films."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesdk.commands.options import Backend, Basis, Label, MinFace, Pack, Profile, Who, read_consent
from facesdk.errors import FacesdkError, InputError

if TYPE_CHECKING:
    from facesdk.commands.swap_film import FilmOptions
    from facesdk.commands.targets import Target
    from facesdk.identity import Identity
    from facesdk.swapper import FaceSwapper


def swap(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... TARGET...",
            help="SOURCE: me.identity, ann.identity:0 (the face that it goes to), or pictures with --consent. "
            "TARGET: a picture, films, a folder, or a pattern in quotes.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option("-o", "--out", help="The file to write, or a folder for several targets.", show_default=False)
    ],
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
    trim: Annotated[
        str | None, typer.Option(help="With films: only START-END, in seconds or as 1:30-2:00.", show_default=False)
    ] = None,
    encoder: Annotated[str, typer.Option(help="With films: auto, libx264, libx265, h264_nvenc, ffv1, ...")] = "auto",
    quality: Annotated[
        int | None,
        typer.Option(help="Of the file, 1 to 100. Default: 95 for pictures, 80 for films.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a film that is there, or start it anew.")] = False,
    label: Label = False,
    profile: Profile = "default",
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Put a face onto faces of pictures and films. The result carries the marks of generated pictures.

    A film that was stopped, by Ctrl-C or by a power cut, goes on where it stopped with the same command.
    """
    from facesdk.commands.content_note import note_unchecked
    from facesdk.commands.sources import parse_source, read_sources
    from facesdk.commands.swap_film import FilmOptions, parse_trim
    from facesdk.commands.targets import is_many, plan_targets, split_arguments
    from facesdk.identity import Identity
    from facesdk.pipelines.video_swap import is_finished
    from facesdk.provenance.profiles import find_profile
    from facesdk.swapper import FaceSwapper

    find_profile(profile)
    texts, files = split_arguments(paths)
    sources = [parse_source(text) for text in texts]
    options = FilmOptions(parse_trim(trim), encoder, quality, force, min_face, label, profile)
    # Everything that can be refused is refused before a network is loaded.
    many = len(files) > 1 or is_many(paths[-1])
    targets = plan_targets(files, out, many)
    for target in targets:
        _check(target, force or many)
    stated = None if all(source.is_identity for source in sources) else read_consent(consent, who)
    if not many:
        _check_readable(targets[0])
    with FaceSwapper(pack, backend) as swapper:

        def enrol(pictures: list[str]) -> Identity:
            return Identity.from_images(pictures, stated, analyzer=swapper.analyzer)

        pairs = read_sources(sources, faces, enrol)
        code = 0
        for target in targets:
            if many and target.is_film and not force and is_finished(target.out):
                typer.echo(f"skipped    {target.path}: {target.out} is there already")
                continue
            try:
                _swap_one(swapper, target, pairs, options)
            except FacesdkError as error:
                if not many:
                    raise
                # One bad file of many does not keep the others waiting.
                typer.echo(f"facesdk: {target.path}: {error}", err=True)
                code = code or error.exit_code
            except typer.Exit as end:
                if not many or end.exit_code == 130:
                    raise
                code = code or end.exit_code
        note_unchecked(swapper.pack)
    if code:
        raise typer.Exit(code)


def _swap_one(swapper: FaceSwapper, target: Target, pairs: list[tuple[Identity, str]], options: FilmOptions) -> None:
    from facesdk.commands.report import swap_lines
    from facesdk.commands.swap_film import swap_film

    if target.is_film:
        swap_film(swapper, target, pairs, options)
        return
    result = swapper.swap(target.path, pairs, min_face=options.min_face)
    marked = result.marked_for(options.profile, options.label)
    marked.save(target.out, 95 if options.quality is None else options.quality)
    for line in swap_lines(result, target.path, str(target.out), marked.marks):
        typer.echo(line)


def _check(target: Target, replace: bool) -> None:
    """Refuses an output that cannot be written.

    Raises:
        InputError: it is the target itself, or a film that is there already.
        MediaError: there is no folder for it, or its extension is none that is written.
        ProvenanceError: its format cannot carry the label.
    """
    from facesdk.media.sink import check_writable
    from facesdk.pipelines.video_swap import check_film_path
    from facesdk.provenance.mark import label_format

    if target.is_film:
        check_film_path(target.out, Path(target.path), replace)
        return
    label_format(target.out)
    check_writable(target.out)
    if target.out.exists() and os.path.exists(target.path) and target.out.samefile(target.path):
        raise InputError(f"{target.out} is the target itself, and would be overwritten.", "Choose another name for -o.")


def _check_readable(target: Target) -> None:
    """Reads a single target's header or pixels, so that a wrong path does not wait for the networks."""
    from facesdk.media.image import load_image
    from facesdk.media.video_info import read_video_info

    if target.is_film:
        read_video_info(target.path)
    else:
        load_image(target.path)
