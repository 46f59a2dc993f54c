"""`facesdk serve`: the swap in a browser, on this machine only."""

from __future__ import annotations

from typing import Annotated

import typer

from facesdk.commands.options import Backend, Pack


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8347,
    host: Annotated[
        str, typer.Option(help="Address to listen on: 127.0.0.1, localhost or ::1, nothing else.")
    ] = "127.0.0.1",
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Open a page for pictures and the camera. It is for this machine only; nothing that it sees is kept."""
    from facesdk import __version__
    from facesdk.commands.content_note import note_unchecked
    from facesdk.serve.server import LoopbackServer, bind_loopback
    from facesdk.serve.web_modules import require_web
    from facesdk.swapper import FaceSwapper

    require_web()
    listener = bind_loopback(host, port)

    with listener, FaceSwapper(pack, backend) as swapper:
        note_unchecked(swapper.pack)
        server = LoopbackServer(swapper, listener, backend=backend)
        typer.echo(f"facesdk {__version__} · pack {swapper.pack.name} · {swapper.backend}")
        typer.echo(f"open       {server.address}")
        typer.echo("           for this machine only; the address is a key, new at every start. Ctrl-C ends it.")
        server.run()
    typer.echo("ended      every enrolled face is forgotten")
