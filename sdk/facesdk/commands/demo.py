"""`facesdk demo`: a swap with the pictures and the pack that come with facesdk."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Annotated

import typer

from facesdk.commands.options import Backend, Pack
from facesdk.errors import MediaError


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("out"),
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Swap a face in a bundled picture. Nothing is sent anywhere."""
    from facesdk import __version__
    from facesdk.api import FaceSwapper
    from facesdk.commands.report import swap_lines
    from facesdk.identity import Identity

    source, target = demo_picture("source.png"), demo_picture("target.png")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{out} cannot be created: {error.strerror}.", "Choose another folder: --out") from error
    with FaceSwapper(pack, backend) as swapper:
        manifest = swapper.pack.manifest
        threads = "1 thread" if swapper.threads == 1 else f"{swapper.threads} threads"
        about = f"pack {manifest.name} {manifest.version} ({manifest.license_spdx})"
        typer.echo(f"facesdk {__version__} · {about} · {swapper.backend} on {threads}")
        someone = Identity.synthetic(source, analyzer=swapper.analyzer)
        # The first run fills caches and compiles kernels; what is printed is what every further picture takes.
        swapper.swap(target, someone)
        result = swapper.swap(target, someone)
    written = result.save(out / "swap.png")
    for line in swap_lines(result, "demo/target.png", str(written)):
        typer.echo(line)


def demo_picture(name: str) -> bytes:
    """A bundled picture's bytes.

    Raises:
        MediaError: this installation does not have it.
    """
    file = importlib.resources.files("facesdk") / "demo" / name
    if not file.is_file():
        raise MediaError(f"the demo picture {name} is missing from this installation.", "Reinstall facesdk.")
    return file.read_bytes()
