"""`facesdk packs`: which packs there are, whether they are whole, and their licences."""

from __future__ import annotations

from typing import Annotated

import typer

from facesdk.errors import PackError

app = typer.Typer(no_args_is_help=True, help="List, verify and read the licences of packs.")
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
        typer.echo(f"{entry.name:12s} {facts}   ({entry.origin})")


@app.command()
def verify(names: Names = None) -> None:
    """Hash every file of packs against their manifests."""
    from facesdk.pack import open_pack

    faults = []
    for name in _named(names):
        try:
            typer.echo(f"{name}: {open_pack(name).verify()} files match the manifest")
        except PackError as error:
            faults.append(str(error))
    if faults:
        raise PackError("\n".join(faults))


@app.command()
def licenses(names: Names = None) -> None:
    """Print the licences of packs."""
    from facesdk.pack import open_pack

    for name in _named(names):
        for spdx, text in open_pack(name).licenses.items():
            typer.echo(f"{name}: {spdx}\n\n{text}")


def _named(names: list[str] | None) -> list[str]:
    from facesdk.pack import list_packs

    found = names or list(dict.fromkeys(entry.name for entry in list_packs()))
    if not found:
        raise PackError("there is no pack that has a name.", "Add the folder that holds one to FACESDK_PACK_PATH.")
    return found
