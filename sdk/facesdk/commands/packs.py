"""`facesdk packs`: which packs there are, who signed them, their licences, and packs of models that users have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facesdk.errors import InputError, PackError

app = typer.Typer(no_args_is_help=True, help="List, verify, make, trust and read the licences of packs.")
Names = Annotated[list[str] | None, typer.Argument(metavar="[PACK]...", help="By default every named one.")]


@app.command("list")
def list_() -> None:
    """List the packs that have a name."""
    from facesdk.pack import list_packs
    from facesdk.pack.reader import Pack

    for entry in list_packs():
        try:
            pack = Pack(entry.path)
        except PackError as error:
            typer.echo(f"{entry.name:12s} faulty: {str(error).splitlines()[0]}")
            continue
        manifest = pack.manifest
        size = sum(spec.bytes for spec in manifest.listed().values()) / 1e6
        families = ", ".join(manifest.families)
        facts = f"{manifest.version:8s} {manifest.license_spdx:12s} {size:6.1f} MB   {families}"
        typer.echo(f"{entry.name:12s} {facts}   ({entry.origin}, {_signed(pack.signer)})")


@app.command()
def verify(names: Names = None) -> None:
    """Check the signatures of packs, hash their every file, and look into their graphs."""
    from facesdk.pack import open_pack

    faults = []
    for name in _named(names):
        try:
            pack = open_pack(name)
            typer.echo(f"{name}: {_signed(pack.signer)}, {pack.verify()} files match the manifest")
        except PackError as error:
            faults.append(str(error))
    if faults:
        raise PackError("\n".join(faults))


@app.command()
def licenses(names: Names = None) -> None:
    """Print the licences of packs, and what they say of commercial use."""
    from facesdk.pack import open_pack

    for name in _named(names):
        pack = open_pack(name)
        terms = pack.manifest.terms
        for spdx, text in pack.licenses.items():
            typer.echo(f"{name}: {spdx}   commercial use: {terms.commercial}")
            for origin in terms.origins:
                typer.echo(f"  derived from {origin.name}: {origin.spdx}   commercial use: {origin.commercial}")
            for restriction in terms.use_restrictions:
                typer.echo(f"  not allowed: {restriction}")
            if terms.attribution:
                typer.echo(f"  to be named: {terms.attribution}")
            typer.echo(f"\n{text}")


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="ONNX files.", show_default=False)],
    as_: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="Which known model it is: NAME, or FILE=NAME for one of several files; may be repeated.",
            show_default=False,
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Its licence, where its makers state none, as MIT or LicenseRef-NAME.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The pack's folder; one that is there grows.", show_default=False)
    ] = None,
) -> None:
    """Make a pack of models of other makers that you have: swappers, and what they need.

    The files are recognised by their tensors, looked into, tried in a process of their own, and signed by this machine.
    """
    from facesdk.community.add_models import add_models, default_folder

    wishes = _wishes(files, as_ or [])
    pack, added = add_models(files, out or default_folder(files, wishes), wishes, licence)
    for role, model in added.items():
        typer.echo(f"added      {role}: {model.convention}   {model.licence}   commercial use: {model.commercial}")
        typer.echo(f"           sha256 {model.sha256}   licence: {model.url}")
    typer.echo(f"pack       {pack.path}   {_signed(pack.signer)}   commercial use: {pack.manifest.terms.commercial}")
    if "swapper" in pack.manifest.family("community").graphs:
        from facesdk.community.source import missing_models

        for name in missing_models(pack):
            typer.echo(f"missing    {name}: facesdk packs add FILE -o {pack.path}")
        typer.echo(f"           facesdk swap me.identity party.jpg -o out.jpg --pack {_as_path(pack.path)}")


@app.command()
def trust(
    key: Annotated[Path, typer.Argument(metavar="KEY.pub.pem", help="The maker's public key.", show_default=False)],
    name: Annotated[str, typer.Option(help="What its maker is called here.", show_default=False)],
) -> None:
    """Open what a third party signs. Get the key from them and not from where the pack is from: a pack is a program."""
    from facesdk.pack.trusted_keys import trust as trust_key
    from facesdk.settings import Settings

    added = trust_key(key, name, Settings.from_environment())
    typer.echo(f"trusted    {name}   {added}")
    typer.echo("           Compare these digits with what its maker says. To undo it: facesdk packs distrust " + name)


@app.command()
def distrust(name: Annotated[str, typer.Argument(help="As given to trust.", show_default=False)]) -> None:
    """Open no more what a third party signs."""
    from facesdk.pack.trusted_keys import distrust as distrust_key
    from facesdk.settings import Settings

    distrust_key(name, Settings.from_environment())
    typer.echo(f"distrusted {name}")


@app.command()
def keys() -> None:
    """List whose packs are opened on this machine."""
    from facesdk.pack.trusted_keys import trusted_keys
    from facesdk.settings import Settings

    for key, name in trusted_keys(Settings.from_environment()).items():
        typer.echo(f"{name:16s} {key}")


def _wishes(files: list[Path], texts: list[str]) -> dict[str, str]:
    """File's name -> model, of what --as says."""
    out = {}
    for text in texts:
        file, equal, name = text.rpartition("=")
        if not equal and len(files) > 1:
            raise InputError(
                f"--as {text}: of {len(files)} files it is not said which.", f"--as {files[0].name}={text}"
            )
        out[Path(file).name if equal else files[0].name] = name
    return out


def _as_path(path: Path) -> str:
    """A folder so that `--pack` takes it for one, and not for a name."""
    return str(path) if path.is_absolute() else f"./{path}"


def _signed(signer: str | None) -> str:
    return f"signed by {signer}" if signer else "UNSIGNED"


def _named(names: list[str] | None) -> list[str]:
    from facesdk.pack import list_packs

    found = names or list(dict.fromkeys(entry.name for entry in list_packs()))
    if not found:
        raise PackError("there is no pack that has a name.", "Add the folder that holds one to FACESDK_PACK_PATH.")
    return found
