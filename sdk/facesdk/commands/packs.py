"""`facesdk packs`: which packs there are, who signed them, whether they are whole, and their licences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facesdk.errors import PackError

app = typer.Typer(no_args_is_help=True, help="List, verify, trust and read the licences of packs.")
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


def _signed(signer: str | None) -> str:
    return f"signed by {signer}" if signer else "UNSIGNED"


def _named(names: list[str] | None) -> list[str]:
    from facesdk.pack import list_packs

    found = names or list(dict.fromkeys(entry.name for entry in list_packs()))
    if not found:
        raise PackError("there is no pack that has a name.", "Add the folder that holds one to FACESDK_PACK_PATH.")
    return found
