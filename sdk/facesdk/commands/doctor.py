"""`facesdk doctor`: what works on this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    packs: Annotated[list[str] | None, typer.Argument(metavar="[PACK]...", help="By default every named one.")] = None,
) -> None:
    """Say what works on this machine, and whether packs give here what they gave at export. Exit code 4 if not."""
    from facesdk.doctor import examine
    from facesdk.errors import PackError

    report = examine(packs or None)
    typer.echo(report.text())
    if not report.ok:
        raise typer.Exit(PackError.exit_code)
