"""`facesdk generate`: faces of people who do not exist, paths between faces, and edits of one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from facesdk.commands.options import Backend, Basis, Label, Pack, Profile, Who, read_consent
from facesdk.errors import InputError

BAR_FROM = 8
"""So many faces or more show a progress bar, where a person looks on."""
# What does not go with --interpolate or --edit is refused, and not ignored.
REFUSED = {
    "--interpolate": ("--edit", "--count", "--seed", "--set", "--solver", "--guidance", "--strength", "--crop"),
    "--edit": ("--interpolate", "--count", "--seed", "--sheet"),
    "without --interpolate or --edit": ("--strength", "--crop", "--consent", "--who"),
}


def generate(
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="More of what --set says.", show_default=False)
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the pictures; for a single picture a file will do, too.")
    ] = Path("faces"),
    count: Annotated[int | None, typer.Option(help="How many faces. Default: 1", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds, equal faces. Default: 0", show_default=False)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="What the faces show, as in: --set smile=1 hair=red. A wrong name lists what exists.",
            show_default=False,
        ),
    ] = None,
    interpolate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Make a path from one picture's face to another's.", show_default=False),
    ] = None,
    edit: Annotated[
        str | None,
        typer.Option(metavar="PICTURE", help="Change this picture's largest face as --set says.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Steps of the solver (default: what the pack was trained for; 16 for --edit). With --interpolate: "
            "faces on the path, both ends included (default: 9).",
            show_default=False,
        ),
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(help="euler, midpoint, heun, rk4 or dopri5. Default: euler; heun for --edit", show_default=False),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="How strongly --set is followed, 0 to 20; 1 is plain.", show_default=False)
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How far --edit goes, 0 to 1. Default: 1", show_default=False)
    ] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="With --edit: the face as the generator makes it, not the whole picture.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Write all of them as one picture, too.", show_default=False)
    ] = None,
    consent: Basis = None,
    who: Who = None,
    label: Label = False,
    profile: Profile = "default",
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Make faces of people who do not exist. They carry the marks that a trained algorithm made them.

    A picture for --interpolate or --edit that has not got that label may show a real person, and needs --consent.
    """
    from facesdk.commands.content_note import note_unchecked
    from facesdk.commands.face_files import face_paths, write_faces
    from facesdk.commands.face_tasks import FLOW_SOLVER, PATH_FACES, edit_task, path_task, read_words, sample_task
    from facesdk.commands.report import marked_line
    from facesdk.contact_sheet import SheetLayout, contact_sheet
    from facesdk.generator import FaceGenerator
    from facesdk.media.sink import check_writable
    from facesdk.provenance.mark import label_format, mark
    from facesdk.provenance.profiles import find_profile

    find_profile(profile)
    words = read_words([*(set_ or []), *(more or [])])
    given = {
        "--interpolate": interpolate,
        "--edit": edit,
        "--count": count,
        "--seed": seed,
        "--set": words or None,
        "--solver": solver,
        "--guidance": guidance,
        "--strength": strength,
        "--crop": crop or None,
        "--sheet": sheet,
        "--consent": consent,
        "--who": who,
    }
    mode = "--interpolate" if interpolate else "--edit" if edit is not None else "without --interpolate or --edit"
    stray = [option for option in REFUSED[mode] if given[option] is not None]
    if stray:
        raise InputError(f"{', '.join(stray)} cannot be given {mode if mode[0] == 'w' else 'with ' + mode}.")
    stated = None if consent is None else read_consent(consent, who)
    if interpolate:
        task = path_task(interpolate, PATH_FACES if steps is None else steps, stated)
    elif edit is not None:
        task = edit_task(
            edit, words, 1.0 if strength is None else strength, steps, solver or FLOW_SOLVER, guidance, stated, crop
        )
    else:
        task = sample_task(1 if count is None else count, seed or 0, words, steps, solver or "euler", guidance)
    paths = face_paths(out, task.names, task.sources)
    if sheet is not None:
        label_format(sheet)
        check_writable(sheet)
        if sheet.resolve() in [path.resolve() for path in (*paths, *map(Path, task.sources))]:
            raise InputError(f"--sheet {sheet} is another picture of this command.", "Choose another name for it.")
    with FaceGenerator(pack, backend) as generator:
        if sheet is not None:
            SheetLayout.of(len(paths), (generator.size, generator.size))
        start = time.perf_counter()
        with progress_bar(len(paths)) as progress:
            faces = task.make(generator, progress)
        duration_ms = (time.perf_counter() - start) * 1e3
        how = task.describe(generator)
        if task.sources:
            note_unchecked(generator.pack)
    pictures = [(path, face.marked_for(profile, label)) for path, face in zip(paths, faces)]
    if sheet is not None:
        picture = contact_sheet([face.image for face in faces], task.captions)
        pictures.append((sheet, mark(picture, faces[0].kind, profile=profile, label=label)))
    write_faces(pictures)
    where = str(paths[0] if len(paths) == 1 else paths[0].parent)
    typer.echo(generate_line(len(faces), how, duration_ms, where))
    if sheet is not None:
        typer.echo(f"sheet      {len(faces)} face{'s' * (len(faces) != 1)}   -> {sheet}")
    typer.echo(marked_line(pictures[0][1].marks, str(paths[0])))


def generate_line(count: int, how: str, duration_ms: float, where: str) -> str:
    """As "generate   8 faces, seed 7, 4 steps  total 96 ms   -> faces"."""
    return f"generate   {count} face{'s' * (count != 1)}, {how}  total {duration_ms:.0f} ms   -> {where}"


@contextmanager
def progress_bar(count: int) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on the terminal, if there is one and the faces are many; gives what moves it, or None."""
    if count < BAR_FROM or not sys.stderr.isatty():
        yield None
        return
    with typer.progressbar(length=count, label="generate", file=sys.stderr) as bar:
        yield lambda done, _: bar.update(done - bar.pos)
