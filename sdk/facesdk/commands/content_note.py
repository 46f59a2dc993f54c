"""Says on stderr that nothing looks at what the pictures show, where that is so."""

from __future__ import annotations

import typer

from facesdk.pack import Pack
from facesdk.pipelines.content_check import ROLE, ContentCheck

NOTE = (
    f"note       no content check is installed (a pack called {ROLE!r}): nothing looks at what the pictures show. "
    "What you make is up to you."
)


def note_unchecked(pack: Pack) -> None:
    """Prints one line if no content check is installed.

    Args:
        pack: the pack in use.
    """
    if not ContentCheck.is_installed(pack):
        typer.echo(NOTE, err=True)
