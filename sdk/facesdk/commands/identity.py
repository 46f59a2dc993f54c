"""`facesdk identity`: the enrolled faces in a folder, those of other tools, and how to be rid of one."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facesdk.commands.options import EVERY_USE, Basis, Expires, Scope, Who, read_consent
from facesdk.errors import FacesdkError, MediaError

if TYPE_CHECKING:
    from facesdk.identity import Identity

app = typer.Typer(no_args_is_help=True, help="List, show, import and erase enrolled faces.")
Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to look; folders below it too.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="*.identity files.", show_default=False)]


@app.command("list")
def list_(folder: Folder = Path(".")) -> None:
    """List the enrolled faces in a folder, with what was agreed to."""
    from facesdk.identity import EXTENSION, Identity

    if not folder.is_dir():
        raise MediaError(f"{folder} is no folder.", "Give the folder with the .identity files.")
    paths = sorted(folder.rglob(f"*{EXTENSION}"))
    for path in paths:
        try:
            identity = Identity.load(path)
        except FacesdkError as error:
            typer.echo(f"{path}   cannot be read: {str(error).splitlines()[0]}")
            continue
        ended = "   ENDED" if identity.consent.is_expired() else ""
        typer.echo(f"{path}   {identity.id[:8]}   {identity.consent.summary()}{ended}")
    if not paths:
        typer.echo(f"{folder}: no {EXTENSION} files")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .identity file.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what an identity says of itself: consent, uses, end, pictures. Never the face."""
    from facesdk.identity import Identity

    facts = _facts(Identity.load(file))
    if json:
        typer.echo(json_format.dumps(facts, indent=1, ensure_ascii=False))
        return
    for name, value in facts.items():
        typer.echo(f"{name:10s} {value}")


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A face model of ReActor, an embedding of Rope or VisoMaster, or a .npy file."
        ),
    ],
    out: Annotated[str, typer.Option("-o", "--out", help="The .identity file to write.", show_default=False)],
    consent: Basis = None,
    who: Who = None,
    scope: Scope = EVERY_USE,
    expires: Expires = "",
    name: Annotated[
        str | None, typer.Option(help="Which face, where the file holds several.", show_default=False)
    ] = None,
    recogniser: Annotated[
        str | None, typer.Option(help="Which recogniser made it, where the file does not say.", show_default=False)
    ] = None,
) -> None:
    """Take a face over from another tool. It holds no picture: only packs whose swapper reads its embedding use it."""
    from facesdk.commands.consent_log import log_identity
    from facesdk.community.identity_files import import_identity
    from facesdk.identity import EXTENSION

    if not out.endswith(EXTENSION):
        raise MediaError(f"{out}: an identity's file ends in {EXTENSION}.", f"Use -o {out.split('.')[0]}{EXTENSION}")
    statement = read_consent(consent, who, scope, expires)
    identity = import_identity(file, statement, name, recogniser)
    identity.save(out)
    log_identity("enroll", identity)
    typer.echo(f"imported   {file.name}   of {identity.space}   consent: {statement.summary()}   -> {out}")


@app.command()
def forget(files: Files) -> None:
    """Erase identities: overwrite, then delete. The audit log keeps that it was done, and a hash, but no face."""
    from facesdk.commands.consent_log import log_identity
    from facesdk.identity import EXTENSION, Identity
    from facesdk.media.erase import LIMITS, erase_file
    from facesdk.media.sink import unfinished_files

    for path in files:
        if path.suffix != EXTENSION:
            raise MediaError(f"{path}: an identity's file ends in {EXTENSION}. Nothing was erased.", "Check the path.")
        if not path.is_file():
            raise MediaError(f"{path}: no such file. Nothing was erased.", "facesdk identity list")
    for path in files:
        try:
            identity: Identity | None = Identity.load(path)
        except FacesdkError:
            # What cannot be read any more is erased all the same: its bytes may still be a face.
            identity = None
        # A write that was cut off by a crash may have left the same face beside it.
        for left in [path, *unfinished_files(path)]:
            erase_file(left)
            typer.echo(f"erased     {left}")
        log_identity("forget", identity)
    typer.echo(LIMITS)


def _facts(identity: Identity) -> dict[str, Any]:
    consent = identity.consent
    return {
        "id": identity.id,
        "level": consent.level,
        "basis": consent.basis,
        "matched": consent.matched or "no",
        "statement": consent.statement,
        "scope": consent.scope,
        "created": consent.created,
        "expires": consent.expires or "never",
        "ended": consent.is_expired(),
        "pictures": len(identity.crops),
        "pack": identity.pack,
        "embedding": identity.space,
    }
