"""`facesdk demo`: a swap and new faces, with the pictures and the pack that come with facesdk."""

from __future__ import annotations

import importlib.resources
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesdk.commands.options import Backend, Pack
from facesdk.errors import MediaError

if TYPE_CHECKING:
    from facesdk.pack import Pack as OpenPack

FACES = 8
SEED = 7


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("out"),
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Swap a face in a bundled picture, and make new ones. Nothing is sent anywhere."""
    from facesdk import __version__
    from facesdk.commands.report import swap_lines
    from facesdk.identity import Identity
    from facesdk.swapper import FaceSwapper

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
        sheet = _faces(swapper.pack, backend, out / "faces.png")
    written = result.save(out / "swap.png")
    lines = swap_lines(result, "demo/target.png", str(written))
    for line in [*lines[:-1], *sheet, lines[-1]]:
        typer.echo(line)


def _faces(pack: OpenPack, backend: str, path: Path) -> list[str]:
    """Writes a sheet of generated faces, if the pack makes any; gives the line that says so."""
    from facesdk.commands.face_tasks import steps_text
    from facesdk.commands.generate import generate_line
    from facesdk.contact_sheet import contact_sheet
    from facesdk.generator import FaceGenerator
    from facesdk.pipelines.latent_flow import FAMILY
    from facesdk.provenance.mark import write

    if FAMILY not in pack.manifest.families:
        return []
    with FaceGenerator(pack, backend) as generator:
        generator.sample(1)
        start = time.perf_counter()
        faces = generator.sample(FACES, SEED)
        duration_ms = (time.perf_counter() - start) * 1e3
        how = f"seed {SEED}, {steps_text(generator.facts.steps, 'euler')}"
    write(path, contact_sheet([face.image for face in faces], [f"{face.index:03d}" for face in faces]), "generate")
    return [generate_line(FACES, how, duration_ms, str(path))]


def demo_picture(name: str) -> bytes:
    """A bundled picture's bytes.

    Raises:
        MediaError: this installation does not have it.
    """
    file = importlib.resources.files("facesdk") / "demo" / name
    if not file.is_file():
        raise MediaError(f"the demo picture {name} is missing from this installation.", "Reinstall facesdk.")
    return file.read_bytes()
