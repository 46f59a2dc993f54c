"""`facesdk enroll`: learn a face from pictures of it."""

from __future__ import annotations

from typing import Annotated

import typer

from facesdk.commands.options import EVERY_USE, Backend, Basis, Expires, Pack, Scope, Who, read_consent
from facesdk.errors import MediaError


def enroll(
    images: Annotated[list[str], typer.Argument(metavar="PICTURE...", help="Of one person.", show_default=False)],
    out: Annotated[str, typer.Option("-o", "--out", help="The .identity file to write.", show_default=False)],
    consent: Basis = None,
    who: Who = None,
    scope: Scope = EVERY_USE,
    expires: Expires = "",
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Learn a face from pictures of it. The file stays on this machine and holds the consent statement."""
    from facesdk.commands.consent_log import log_identity
    from facesdk.faces.analyze import FaceAnalyzer
    from facesdk.identity import EXTENSION, Identity

    if not out.endswith(EXTENSION):
        raise MediaError(f"{out}: an identity's file ends in {EXTENSION}.", f"Use -o {out.split('.')[0]}{EXTENSION}")
    statement = read_consent(consent, who, scope, expires)
    with FaceAnalyzer(pack, backend) as analyzer:
        identity = Identity.from_images(images, statement, analyzer=analyzer)
    identity.save(out)
    log_identity("enroll", identity)
    pictures = "1 picture" if len(images) == 1 else f"{len(images)} pictures"
    typer.echo(f"enrolled   {pictures}   consent: {statement.summary()}   -> {out}")
