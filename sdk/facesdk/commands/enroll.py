"""`facesdk enroll`: learn a face from pictures of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from facesdk.commands.options import EVERY_USE, Backend, Basis, Expires, Pack, Scope, Who, read_consent
from facesdk.errors import InputError, MediaError

if TYPE_CHECKING:
    from facesdk.faces.analyze import FaceAnalyzer
    from facesdk.identity import Identity


def enroll(
    images: Annotated[list[str], typer.Argument(metavar="PICTURE...", help="Of one person.", show_default=False)],
    out: Annotated[str, typer.Option("-o", "--out", help="The .identity file to write.", show_default=False)],
    consent: Basis = None,
    who: Who = None,
    scope: Scope = EVERY_USE,
    expires: Expires = "",
    webcam: Annotated[
        bool,
        typer.Option("--webcam", help="Your own face: look into the camera, and turn your head when you are asked to."),
    ] = False,
    camera: Annotated[
        str | None,
        typer.Option(
            help="For --webcam: a number, /dev/videoN, http://127.0.0.1:PORT/..., or a film, which proves nothing and "
            "is noted as one. Default: 0",
            show_default=False,
        ),
    ] = None,
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Learn a face from pictures of it. The file stays on this machine and holds the consent statement."""
    from facesdk.commands.consent_log import log_identity
    from facesdk.faces.analyze import FaceAnalyzer
    from facesdk.identity import EXTENSION, Identity
    from facesdk.media.camera import read_camera_name

    if not out.endswith(EXTENSION):
        raise MediaError(f"{out}: an identity's file ends in {EXTENSION}.", f"Use -o {out.split('.')[0]}{EXTENSION}")
    if camera is not None and not webcam:
        raise InputError("--camera is for --webcam, which was not given.", "Add --webcam.")
    if webcam and consent not in (None, "self"):
        raise InputError(f"--webcam is for one's own face, and not for --consent {consent}.", "Leave one of them out.")
    read_camera_name(camera or "0")
    statement = read_consent("self" if webcam else consent, who, scope, expires)
    with FaceAnalyzer(pack, backend) as analyzer:
        identity = Identity.from_images(images, statement, analyzer=analyzer)
        if webcam:
            identity = _match(analyzer, identity, camera or "0")
    identity.save(out)
    log_identity("enroll", identity)
    pictures = "1 picture" if len(images) == 1 else f"{len(images)} pictures"
    typer.echo(f"enrolled   {pictures}   consent: {identity.consent.summary()}   -> {out}")


def _match(analyzer: FaceAnalyzer, identity: Identity, name: str) -> Identity:
    """Compares the pictures with who sits before the camera."""
    from facesdk.media.camera import open_camera, read_camera_name
    from facesdk.pipelines.live_match import LiveMatch, random_turns

    match = LiveMatch(analyzer, identity, random_turns(), tell=lambda text: typer.echo(f"camera     {text}"))
    # A film is not hurried: what is judged is its own time.
    camera = open_camera(read_camera_name(name), paced=False)
    try:
        matched = match.run(camera)
    finally:
        camera.close()
    typer.echo(f"matched    {matched.consent.matched}")
    return matched
